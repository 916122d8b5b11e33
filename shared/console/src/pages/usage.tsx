// What a tenant used: peak against limit, who was in, who was refused, and when it is busy.
import { useMemo } from 'preact/hooks';
import { type Schemas, api, download, take } from '../api.ts';
import { useAction, useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Show } from '../parts/loaded.tsx';
import { Empty, FailureNotice } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { count, counted, duration } from '../parts/text.tsx';
import { reasonOf } from '../reasons.ts';
import { go, hrefOf, setQuery } from '../route.ts';
import { Chart, momentIn } from './usage-chart.tsx';
import { type Range, dayAt, daysOf, granularityOf, heatOf, limitsOf, rangeOf, refusalsOf } from './usage-data.ts';
import { Heat } from './usage-heat.tsx';
import { type Revisions, revisionsOf } from './usage-load.ts';
import { RangeForm } from './usage-range.tsx';
import { WhoWasIn } from './usage-who.tsx';

type Row = Schemas['RowView'];

const usualDays = 30;
const mostDetailed = 62;

export function Usage({ tenant, query }: PageProps) {
  const known = useLoad((signal) => revisionsOf(tenant, signal), [tenant]);
  return (
    <>
      <h1>Usage</h1>
      <Show of={known} what="the license">{(revisions) => <OfRange tenant={tenant} query={query} revisions={revisions} />}</Show>
    </>
  );
}

function OfRange({ tenant, query, revisions }: PageProps & { revisions: Revisions }) {
  const { zone } = revisions;
  const now = Date.now();
  const range = rangeOf(query, zone, now, usualDays);
  const { first, last } = range;
  const loaded = useLoad(async (signal) => {
    const ask = (granularity: 'quarter_hour' | 'hour' | 'day' | 'total') => take(api.GET('/v1/tenants/{tenant}/usage', {
      params: { path: { tenant }, query: { from: range.from, to: range.to, granularity, format: 'json' } }, signal,
    }));
    const [detail, whole] = await Promise.all([ask(granularityOf(daysOf(range))), ask('total')]);
    return { rows: detail.rows, total: whole.rows[0] };
  }, [tenant, first, last, zone]);
  return (
    <>
      <RangeForm tenant={tenant} page="usage" range={range} today={dayAt(now, zone)} />
      <p class="muted">Days are those of {zone}. <a href={hrefOf(tenant, 'sizing', { from: first, to: last })}>How many seats should it be?</a></p>
      <Show of={loaded} what="the usage">
        {({ rows, total }) => (total && rows.length > 0
          ? <Figures tenant={tenant} range={range} rows={rows} total={total} revisions={revisions} at={query.get('at') ?? ''} />
          : <Empty title="Nothing was used"><p>Choose other days.</p></Empty>)}
      </Show>
    </>
  );
}

interface FiguresProps { tenant: string; range: Range; rows: Row[]; total: Row; revisions: Revisions; at: string }

function Figures({ tenant, range, rows, total, revisions: { revisions, zone, model }, at }: FiguresProps) {
  const limits = useMemo(() => limitsOf(rows, revisions, model), [rows, revisions, model]);
  const heat = useMemo(() => heatOf(rows, zone, model), [rows, zone, model]);
  const picked = rows.find((row) => row.from === at);
  const pick = (row: Row) => go(hrefOf(tenant, 'usage', { from: range.first, to: range.last, at: row.from }), { replace: true }); // with the days, so that the link stays right
  return (
    <>
      <dl class="figures">
        <Figure name="Peak" value={count(total.peak)}>
          {total.peak_at && <button type="button" class="link" aria-label="Who was in at the peak?" onClick={() => pick(rows.find((row) => row.from <= total.peak_at! && total.peak_at! < row.to) ?? total)}>Who was in?</button>}
        </Figure>
        {model === 'named' && <Figure name="Most in one conference" value={count(total.peak_participants)}>participants</Figure>}
        <Figure name="People" value={count(total.identities)}>in {count(total.conferences)} conferences</Figure>
        <Figure name="Seat time" value={duration(total.seat_ms)}>{total.overage_ms ? `${duration(total.overage_ms)} of it above the limit` : 'none of it above the limit'}</Figure>
        <Figure name="At the limit" value={duration(total.at_limit_ms ?? 0)}>{total.p95 > 0 && `95 % of the time at most ${count(total.p95)} in`}</Figure>
        <Figure name="Refused" value={count(total.refused)}>{total.refused === 0 ? 'nobody' : <><a href={hrefOf(tenant, 'refusals', { from: range.first, to: range.last })}>Who was refused?</a> <Refused of={total} /></>}</Figure>
      </dl>
      <h2>Peak against limit</h2>
      <Chart rows={rows} limits={limits} zone={zone} model={model} picked={at} onPick={pick} />
      {picked && <WhoWasIn tenant={tenant} row={picked} zone={zone} onClose={() => setQuery('at', undefined)} />}
      <Downloads tenant={tenant} range={range} />
      <details class="as-table">
        <summary>The same as a table</summary>
        <Table
          caption="Usage over time" rows={rows} keyOf={(r) => r.from} empty={null} rowsPerPage={24}
          columns={[
            { title: 'From', heading: true, cell: (r) => momentIn(r.from, zone) },
            { title: 'Peak', number: true, cell: (r) => count(r.peak) },
            ...(model === 'named' ? [{ title: 'Most in one conference', number: true, cell: (r: Row) => count(r.peak_participants) }] : []),
            { title: 'Limit', number: true, cell: (r) => limits[rows.indexOf(r)] ?? '' },
            { title: 'At the limit', number: true, cell: (r) => (r.at_limit_ms ? duration(r.at_limit_ms) : '') },
            { title: 'Joins', number: true, cell: (r) => count(r.joins) },
            { title: 'Refused', number: true, cell: (r) => count(r.refused) },
            { title: 'Seat minutes', number: true, cell: (r) => r.seat_minutes },
            { title: '', cell: (r) => r.peak > 0 && <button type="button" aria-label={`Who was in at ${momentIn(r.from, zone)}`} onClick={() => pick(r)}>Who was in?</button> },
          ]}
        />
      </details>
      <h2>When it is busy</h2>
      {daysOf(range) > mostDetailed ? <p>Choose at most {mostDetailed} days to see the hours.</p> : <Heat heat={heat} />}
    </>
  );
}

function Refused({ of }: { of: Row }) {
  return (
    <>
      {counted(of.denied_identities, 'person', 'people')} got no seat within ten minutes
      <ul class="reasons">{refusalsOf([of]).map(([code, n]) => <li key={code}>{count(n)}: {reasonOf(code)}</li>)}</ul>
    </>
  );
}

function Figure({ name, value, children }: { name: string; value: string; children?: preact.ComponentChildren }) {
  return <div class="figure"><dt>{name}</dt><dd><strong>{value}</strong>{children}</dd></div>;
}

const spreadsheet = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

function Downloads({ tenant, range: { first, last, from, to } }: { tenant: string; range: Range }) {
  const get = useAction(async (accept: string, ending: string) => {
    const asked = new URLSearchParams({ from, to, granularity: 'day' });
    await download(`/v1/tenants/${encodeURIComponent(tenant)}/usage?${asked}`, accept, `${tenant}-usage-${first}-${last}.${ending}`);
  });
  return (
    <>
      <p class="actions">
        <button type="button" aria-disabled={get.running} onClick={() => void get.run('text/csv', 'csv')}>Download CSV</button>
        <button type="button" aria-disabled={get.running} onClick={() => void get.run(spreadsheet, 'xlsx')}>Download XLSX</button>
        <span class="muted">a row for each day</span>
      </p>
      {get.failure && <FailureNotice failure={get.failure} />}
    </>
  );
}
