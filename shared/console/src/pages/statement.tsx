// One statement: its figures, its seal, and what differs from another.
import { useMemo } from 'preact/hooks';
import { type Schemas, api, download, take } from '../api.ts';
import { useAction, useLoad } from '../load.ts';
import { SelectField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { FailureNotice } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { count, duration } from '../parts/text.tsx';
import { hrefOf, setQuery } from '../route.ts';
import { momentIn } from './usage-chart.tsx';
import { sealOf } from './seal.ts';
import { changedDays, compare, figures } from './statement-compare.ts';
import type { Listed } from './statements.tsx';

type Statement = Schemas['Statement'];
type Segment = Schemas['Segment'];

interface Props { tenant: string; period: string; revision: number | undefined; against: string | undefined; statements: Listed[] }

const read = (tenant: string, period: string, revision: number | undefined, signal: AbortSignal) => take(api.GET('/v1/tenants/{tenant}/statements/{period}', {
  params: { path: { tenant, period }, query: { format: 'json', ...(revision && { revision }) } }, signal,
}));

export function OneStatement({ tenant, period, revision, against, statements }: Props) {
  const loaded = useLoad((signal) => read(tenant, period, revision, signal), [tenant, period, revision]);
  return (
    <>
      <p class="no-print"><a href={hrefOf(tenant, 'statements')}>All statements</a></p>
      <Show of={loaded} what="the statement">
        {(statement) => (
          <article class="statement">
            <h2>{tenant}, {statement.period}, revision {statement.revision}</h2>
            <p>
              From {momentIn(statement.from, statement.time_zone)} to {momentIn(statement.to, statement.time_zone)}, by the clock of {statement.time_zone}.
              Closed {momentIn(statement.closed_at, statement.time_zone)}, from {count(statement.records)} records, by version {statement.rule_version} of the rules.
            </p>
            <Seal of={statement} />
            {statement.stale && <Stale of={statement} />}
            <Totals of={statement} />
            {statement.segments ? <Segments of={statement.segments} zone={statement.time_zone} /> : <Licenses of={statement.licenses} zone={statement.time_zone} />}
            <Files tenant={tenant} of={statement} />
            <Against tenant={tenant} now={statement} against={against} statements={statements} />
            <Days of={statement} />
          </article>
        )}
      </Show>
    </>
  );
}

/** Whether the document is the one that was sealed, as this browser computes it. */
function Seal({ of }: { of: Statement }) {
  const sealed = useLoad(() => sealOf({ ...of }), [of.sha256, of.period, of.revision]);
  return (
    <Show of={sealed} what="the seal">
      {(hash) => (hash === of.sha256
        ? <div class="notice good seal" role="status"><h3>The seal is intact</h3><p>This browser computed the SHA-256 of the statement, and it is the one that was sealed: <code>{hash}</code></p></div>
        : <div class="notice bad seal" role="alert"><h3>The seal is broken</h3><p>The statement was sealed with <code>{of.sha256}</code>, and what came here has <code>{hash}</code>. Do not bill by it, and tell the operator of Seatmeter.</p></div>)}
    </Show>
  );
}

function Totals({ of: { totals, time_zone: zone } }: { of: Statement }) {
  const list = [
    ['Peak', count(totals.peak), totals.peak_at && momentIn(totals.peak_at, zone)],
    ['Seat time', duration(totals.seat_ms), totals.seat_minutes && `${totals.seat_minutes} minutes`],
    ['Overage', duration(totals.overage_ms), 'above the limit'],
    ['People', count(totals.identities), `in ${count(totals.joins)} joins`],
    ['Hosts', count(totals.hosts), totals.peak_hosts === undefined ? '' : `at most ${totals.peak_hosts} at once`],
    ['Refused', count(totals.refused), ''],
  ] as const;
  return <dl class="figures">{list.map(([name, value, more]) => <div class="figure" key={name}><dt>{name}</dt><dd><strong>{value}</strong>{more}</dd></div>)}</dl>;
}

/** What is billed, of each part of the month in which one limit was in force. */
function Segments({ of, zone }: { of: Segment[]; zone: string }) {
  return (
    <>
      <h3>What is billed</h3>
      <Table
        caption="Billable quantities" rows={of} keyOf={(s) => s.from} empty={null}
        columns={[
          { title: 'From', heading: true, cell: (s) => momentIn(s.from, zone) },
          { title: 'To', cell: (s) => momentIn(s.to, zone) },
          { title: 'Model', cell: (s) => s.model },
          { title: 'Limit', number: true, cell: (s) => count(s.limit) },
          { title: 'Peak', number: true, cell: (s) => count(s.peak) },
          { title: 'Hosts', number: true, cell: (s) => count(s.hosts) },
          { title: 'Seat time', number: true, cell: (s) => duration(s.seat_ms) },
          { title: 'Overage', number: true, cell: (s) => duration(s.overage_ms) },
        ]}
      />
    </>
  );
}

function Stale({ of }: { of: Statement }) {
  const difference: Partial<Record<string, number>> = { ...of.difference };
  const list = figures.flatMap(([member, name]) => {
    const n = difference[member];
    return n ? [`${name} ${signed(n)}`] : [];
  });
  return (
    <div class="notice">
      <h3>Records came in since</h3>
      <p>Close the month again to have them in a statement. The difference would be: {list.join(', ') || 'none in the totals'}.</p>
    </div>
  );
}

function Licenses({ of, zone }: { of: Statement['licenses']; zone: string }) {
  return (
    <>
      <h3>The license in the month</h3>
      <Table
        caption="Licenses" rows={of} keyOf={(l) => String(l.revision)} empty={null}
        columns={[
          { title: 'From', heading: true, cell: (l) => momentIn(l.from, zone) },
          { title: 'Model', cell: (l) => l.model },
          { title: 'Sold', cell: (l) => (l.model === 'named' ? `${count(l.hosts)} hosts, ${count(l.participants_per_conference)} participants each` : `${count(l.seats)} seats`) },
          { title: 'Overage', cell: (l) => (l.overage === 'allow' ? `up to ${count(l.burst)} more` : 'refused') },
        ]}
      />
    </>
  );
}

const spreadsheet = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

function Files({ tenant, of: { period, revision } }: { tenant: string; of: Statement }) {
  const get = useAction((accept: string, ending: string) =>
    download(`/v1/tenants/${encodeURIComponent(tenant)}/statements/${period}?revision=${revision}`, accept, `${tenant}-statement-${period}.${ending}`));
  return (
    <>
      <p class="actions">
        <button type="button" onClick={() => print()}>Print</button>
        <button type="button" aria-disabled={get.running} onClick={() => void get.run('application/json', 'json')}>Download JSON</button>
        <button type="button" aria-disabled={get.running} onClick={() => void get.run('text/csv', 'csv')}>Download CSV</button>
        <button type="button" aria-disabled={get.running} onClick={() => void get.run(spreadsheet, 'xlsx')}>Download XLSX</button>
      </p>
      {get.failure && <FailureNotice failure={get.failure} />}
    </>
  );
}

const nameOf = ({ period, revision }: { period: string; revision: number }) => `${period}/${revision}`;

/** What differs from another statement: by default the revision before, else the month before. */
function Against({ tenant, now, against, statements }: { tenant: string; now: Statement; against: string | undefined; statements: Listed[] }) {
  const others = statements.filter((s) => nameOf(s) !== nameOf(now));
  const usual = others.find((s) => s.period === now.period && s.revision === now.corrects) ?? others.find((s) => s.period < now.period);
  const chosen = others.find((s) => nameOf(s) === against) ?? usual ?? others[0];
  if (!chosen) return null;
  return (
    <section class="no-print" aria-labelledby="against">
      <h3 id="against">What differs</h3>
      <SelectField label="From" value={nameOf(chosen)} onValue={(value) => setQuery('against', value)} options={others.map((s) => [nameOf(s), `${s.period}, revision ${s.revision}`] as const)} />
      <Differences key={nameOf(chosen)} tenant={tenant} now={now} before={chosen} />
    </section>
  );
}

const signed = (n: number) => (n > 0 ? `+${count(n)}` : n < 0 ? `−${count(-n)}` : '0');

function Differences({ tenant, now, before }: { tenant: string; now: Statement; before: Listed }) {
  const loaded = useLoad((signal) => read(tenant, before.period, before.revision, signal), [tenant, before.period, before.revision]);
  return (
    <Show of={loaded} what="the other statement">
      {(was) => (
        <>
          <Table
            caption={`Differences from ${was.period}, revision ${was.revision}`} rows={compare(was, now)} keyOf={(d) => d.name} empty={null}
            columns={[
              { title: 'Figure', heading: true, cell: (d) => d.name },
              { title: `${was.period}, revision ${was.revision}`, number: true, cell: (d) => (d.before === undefined ? '' : count(d.before)) },
              { title: `${now.period}, revision ${now.revision}`, number: true, cell: (d) => (d.now === undefined ? '' : count(d.now)) },
              { title: 'Difference', number: true, cell: (d) => (d.before === undefined || d.now === undefined ? '' : signed(d.now - d.before)) },
            ]}
          />
          {was.period === now.period && <p>Days that changed: {changedDays(was, now).map((day) => momentIn(day.from, now.time_zone)).join('; ') || 'none'}.</p>}
        </>
      )}
    </Show>
  );
}

function Days({ of }: { of: Statement }) {
  const days = useMemo(() => of.days.filter((day) => day.joins > 0 || day.seat_ms > 0 || day.refused > 0), [of]);
  return (
    <>
      <h3>Days on which something happened</h3>
      <Table
        caption="Days" rows={days} keyOf={(d) => d.from} empty={<p>Nothing happened in this month.</p>} rowsPerPage={31}
        columns={[
          { title: 'From', heading: true, cell: (d) => momentIn(d.from, of.time_zone) },
          ...figures.filter(([member]) => ['peak', 'joins', 'refused', 'identities'].includes(member)).map(([member, title]) => ({
            title, number: true, cell: (d: Statement['days'][number]) => count(d[member] ?? 0),
          })),
          { title: 'Seat minutes', number: true, cell: (d) => d.seat_minutes },
          { title: 'Overage', number: true, cell: (d) => duration(d.overage_ms) },
        ]}
      />
    </>
  );
}
