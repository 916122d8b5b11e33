// Who was refused, and why.
import { useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { SelectField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time, counted } from '../parts/text.tsx';
import { reasonOf } from '../reasons.ts';

type Refusal = Schemas['RefusalView'];

const hourMillis = 3_600_000;
const ranges = [['1', 'the last hour'], ['24', 'the last 24 hours'], ['168', 'the last 7 days'], ['744', 'the last 31 days']] as const;

export function Refusals({ tenant }: PageProps) {
  const [hours, setHours] = useState<(typeof ranges)[number][0]>('24');
  const refusals = useLoad(async (signal) => {
    const to = Date.now() + 1000;
    const range = { from: new Date(to - Number(hours) * hourMillis).toISOString(), to: new Date(to).toISOString() };
    const list = await takeAll(
      (query) => take(api.GET('/v1/tenants/{tenant}/usage/refusals', { params: { path: { tenant }, query: { ...query, ...range } }, signal })), { signal, most: 10_000 },
    );
    return { ...list, items: list.items.reverse() };
  }, [tenant, hours]);
  return (
    <>
      <h1>Refusals</h1>
      <p class="muted">Everybody who tried to join and was not let in, newest first.</p>
      <div class="tools">
        <SelectField label="Time" value={hours} onValue={setHours} options={ranges} />
        <button type="button" onClick={refusals.reload}>Look again</button>
      </div>
      <Show of={refusals} what="the refusals">
        {({ items, complete }) => (
          <>
            {!complete && <p class="notice">These are the first 10,000 of the range. Choose a shorter one.</p>}
            <Table
              caption="Refusals" rows={items} keyOf={(r) => `${r.at} ${r.connection}`} textOf={textOf}
              empty={<Empty title="Nobody was refused"><p>Choose a longer time to look further back.</p></Empty>}
              columns={[
                { title: 'When', cell: (r) => <Time at={r.at} /> },
                { title: 'Person', heading: true, cell: (r) => r.identity },
                { title: 'Conference', cell: (r) => r.conference },
                { title: 'Why', cell: (r) => <Why of={r} /> },
              ]}
            />
          </>
        )}
      </Show>
    </>
  );
}

const textOf = (r: Refusal) => `${r.identity} ${r.conference} ${reasonOf(r.code)}`;

function Why({ of }: { of: Refusal }) {
  return (
    <>
      {reasonOf(of.code)}
      {of.limit !== null && <span class="muted"> {of.in_use} of {of.limit} were in use</span>}
      {of.held_by.length > 0 && (
        <details>
          <summary>Who had {counted(of.holders, 'seat')}</summary>
          <ul>{of.held_by.map((h) => <li key={h.connection}>{h.identity}, in {h.conference} since <Time at={h.joined_at} /></li>)}</ul>
          {of.holders > of.held_by.length && <p class="muted">and {of.holders - of.held_by.length} more</p>}
        </details>
      )}
    </>
  );
}
