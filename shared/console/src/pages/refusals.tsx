// Who was refused, and why.
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Show } from '../parts/loaded.tsx';
import { Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time, counted } from '../parts/text.tsx';
import { reasonOf } from '../reasons.ts';
import { dayAt, rangeOf } from './usage-data.ts';
import { type Revisions, revisionsOf } from './usage-load.ts';
import { RangeForm } from './usage-range.tsx';

type Refusal = Schemas['RefusalView'];

const usualDays = 7;

export function Refusals({ tenant, query }: PageProps) {
  const known = useLoad((signal) => revisionsOf(tenant, signal), [tenant]);
  return (
    <>
      <h1>Refusals</h1>
      <p class="muted">Everybody who tried to join and was not let in, newest first.</p>
      <Show of={known} what="the license">{(revisions) => <OfRange tenant={tenant} query={query} revisions={revisions} />}</Show>
    </>
  );
}

function OfRange({ tenant, query, revisions: { zone } }: PageProps & { revisions: Revisions }) {
  const now = Date.now();
  const range = rangeOf(query, zone, now, usualDays);
  const { from, to } = range;
  const refusals = useLoad(async (signal) => {
    const list = await takeAll(
      (page) => take(api.GET('/v1/tenants/{tenant}/usage/refusals', { params: { path: { tenant }, query: { ...page, from, to } }, signal })), { signal, most: 10_000 },
    );
    return { ...list, items: list.items.reverse() };
  }, [tenant, from, to]);
  return (
    <>
      <RangeForm tenant={tenant} page="refusals" range={range} today={dayAt(now, zone)} />
      <Show of={refusals} what="the refusals">
        {({ items, complete }) => (
          <>
            {!complete && <p class="notice">These are the first 10,000 of these days. Choose fewer.</p>}
            <Table
              caption="Refusals" tools={<button type="button" onClick={refusals.reload}>Look again</button>} rows={items} keyOf={(r) => `${r.at} ${r.connection}`} textOf={textOf}
              empty={<Empty title="Nobody was refused"><p>Choose other days.</p></Empty>}
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
