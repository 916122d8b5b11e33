// The days that a page is about, in its address, with quick choices.
import { useEffect, useState } from 'preact/hooks';
import { TextField } from '../parts/form.tsx';
import { go, hrefOf } from '../route.ts';
import { type Range, dayAfter } from './usage-data.ts';

interface Props { tenant: string; page: string; range: Range; today: string; more?: Record<string, string | undefined> }

/** `more` is what the address keeps beside the range. */
export function RangeForm({ tenant, page, range, today, more = {} }: Props) {
  const [first, setFirst] = useState(range.first);
  const [last, setLast] = useState(range.last);
  useEffect(() => {
    setFirst(range.first);
    setLast(range.last);
  }, [range.first, range.last]);
  const show = (from: string, to: string) => go(hrefOf(tenant, page, { ...more, from, to }));
  const month = today.slice(0, 8);
  const before = dayAfter(`${month}01`, -1);
  const choices = [
    ['Today', today, today], ['7 days', dayAfter(today, -6), today], ['This month', `${month}01`, today],
    ['Last month', `${before.slice(0, 8)}01`, before], ['90 days', dayAfter(today, -89), today],
  ] as const;
  return (
    <form class="tools" onSubmit={(e) => { e.preventDefault(); show(first, last); }}>
      <TextField label="From" type="date" value={first} onValue={setFirst} required />
      <TextField label="To" type="date" value={last} onValue={setLast} required />
      <button>Show</button>
      {choices.map(([name, from, to]) => (
        <a key={name} class="button" href={hrefOf(tenant, page, { ...more, from, to })} aria-current={from === range.first && to === range.last ? 'true' : undefined}>{name}</a>
      ))}
    </form>
  );
}
