// Who did what.
import { useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Changes } from '../parts/changes.tsx';
import { SelectField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time } from '../parts/text.tsx';
import { setQuery } from '../route.ts';

type Action = Schemas['ActionView'];

const dayMillis = 86_400_000;
const ranges = [['1', 'the last day'], ['7', 'the last 7 days'], ['31', 'the last 31 days'], ['366', 'the last year']] as const;
const most = 10_000;

export function Audit({ tenant, query }: PageProps) {
  const days = ranges.find(([value]) => value === query.get('days'))?.[0] ?? '31';
  const [outcome, setOutcome] = useState<'' | Action['outcome']>('');
  const loaded = useLoad(async (signal) => {
    const to = Date.now() + 1000;
    const range = { from: new Date(to - Number(days) * dayMillis).toISOString(), to: new Date(to).toISOString() };
    const list = await takeAll((page) => take(api.GET('/v1/tenants/{tenant}/audit', { params: { path: { tenant }, query: { ...page, ...range } }, signal })), { signal, most });
    return { complete: list.complete, items: list.items.sort((a, b) => b.at.localeCompare(a.at)) };
  }, [tenant, days]);
  return (
    <>
      <h1>Audit</h1>
      <p class="muted">Who did what, newest first. Nothing is done that is not entered here first.</p>
      <div class="tools">
        <SelectField label="In" value={days} onValue={(value) => setQuery('days', value)} options={ranges} />
        <SelectField label="That" value={outcome} onValue={setOutcome} options={outcomes} />
        <button type="button" onClick={loaded.reload}>Look again</button>
      </div>
      <Show of={loaded} what="the audit log">
        {({ items, complete }) => (
          <>
            {!complete && <p class="notice">These are {most.toLocaleString('en')} actions of the range, and there are more. Choose a shorter one.</p>}
            <Actions items={outcome ? items.filter((a) => a.outcome === outcome) : items} />
          </>
        )}
      </Show>
    </>
  );
}

const outcomes = [['', 'was done or not'], ['done', 'was done'], ['refused', 'was refused'], ['failed', 'failed'], ['unknown', 'ended nobody knows how']] as const;

const targetOf = (a: Action) => [a.host, a.conference, a.connection, a.webhook, a.period].filter(Boolean).join(', ');

const wordsOf = (action: string) => action.replaceAll('-', ' ');

const textOf = (a: Action) => `${a.by} ${a.role} ${a.action} ${wordsOf(a.action)} ${targetOf(a)} ${a.reason ?? ''} ${a.changes.map((c) => `${c.member} ${JSON.stringify(c.to)}`).join(' ')} ${a.request_id}`;

const badges: Record<Action['outcome'], string> = { done: 'badge good', refused: 'badge bad', failed: 'badge bad', unknown: 'badge' };

function Actions({ items }: { items: Action[] }) {
  return (
    <Table
      caption="Actions" rows={items} keyOf={(a) => `${a.at} ${a.request_id}`} textOf={textOf}
      empty={<Empty title="Nobody did anything in this time"><p>Choose a longer time to look further back.</p></Empty>}
      columns={[
        { title: 'When', cell: (a) => <Time at={a.at} /> },
        { title: 'Who', heading: true, cell: (a) => <>{a.by || 'unknown'} <span class="muted">{a.role.replaceAll('_', ' ')}</span></> },
        { title: 'Did what', cell: (a) => wordsOf(a.action) },
        { title: 'To', cell: (a) => <>{targetOf(a)}{a.reason && <span class="muted"> “{a.reason}”</span>}</> },
        { title: 'What changed', cell: (a) => <Changes of={a.changes} /> },
        { title: 'Outcome', cell: (a) => <><span class={badges[a.outcome]}>{a.outcome}</span>{a.code && <> <code>{a.code}</code></>}</> },
      ]}
    />
  );
}
