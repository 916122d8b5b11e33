// Closed months: the list, closing one, and one statement with its seal.
import { useContext, useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useAction, useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { TextField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { Done, Empty, FailureNotice } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time, counted } from '../parts/text.tsx';
import { hrefOf } from '../route.ts';
import { SessionContext } from '../session.ts';
import { type Closing, closeMonth } from './closing.ts';
import { OneStatement } from './statement.tsx';

export type Listed = Schemas['StatementView'];

export function Statements({ tenant, query }: PageProps) {
  const { person } = useContext(SessionContext);
  const list = useLoad(async (signal) => {
    const { items } = await takeAll((page) => take(api.GET('/v1/tenants/{tenant}/statements', { params: { path: { tenant }, query: page }, signal })), { signal });
    return items.sort((a, b) => b.period.localeCompare(a.period) || b.revision - a.revision);
  }, [tenant]);
  const period = query.get('period');
  const latest = (of: Listed) => list.data?.find((s) => s.period === of.period)?.revision === of.revision;
  return (
    <>
      <h1>Statements</h1>
      {!period && person.role !== 'tenant_admin' && <Close tenant={tenant} onClosed={list.reload} />}
      <Show of={list} what="the statements">
        {(statements) => (period
          ? <OneStatement tenant={tenant} period={period} revision={Number(query.get('revision')) || undefined} against={query.get('against') ?? undefined} statements={statements} />
          : (
            <Table
              caption="Statements" rows={statements} keyOf={(s) => `${s.period} ${s.revision}`} textOf={(s) => s.period}
              empty={<Empty title="No month was closed yet"><p>A month can be closed four hours after it has ended.</p></Empty>}
              columns={[
                { title: 'Month', heading: true, cell: (s) => <a href={hrefOf(tenant, 'statements', { period: s.period, revision: String(s.revision) })}>{s.period}, revision {s.revision}</a> },
                { title: 'Closed', cell: (s) => <Time at={s.closed_at} /> },
                { title: 'State', cell: (s) => <State of={s} latest={latest(s)} /> },
                { title: 'Seal', cell: (s) => <code>{s.sha256.slice(0, 16)}…</code> },
              ]}
            />
          ))}
      </Show>
    </>
  );
}

function State({ of, latest }: { of: Listed; latest: boolean }) {
  if (!latest) return <span class="muted">replaced by a later revision</span>;
  return of.stale ? <span class="badge bad">records came in since: close it again</span> : <span class="badge good">valid</span>;
}

/** The month before this one. */
export const lastMonth = (): string => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1)).toISOString().slice(0, 7);
};

function Close({ tenant, onClosed }: { tenant: string; onClosed: () => void }) {
  const [period, setPeriod] = useState(lastMonth);
  const [done, setDone] = useState<{ text: string; period: string }>();
  const [closing, setClosing] = useState<Closing>();
  const close = useAction(async () => {
    setDone(undefined);
    setClosing(undefined);
    const how = await closeMonth(tenant, period, setClosing);
    setDone({ period, text: how === 'closed' ? `${period} is closed.` : `${period} was closed before, and nothing came in since: its latest revision stands.` });
    onClosed();
  });
  return (
    <>
      <form class="tools" onSubmit={(e) => { e.preventDefault(); void close.run(); }}>
        <TextField label="Month" type="month" value={period} onValue={setPeriod} required pattern="[0-9]{4}-[0-9]{2}" placeholder="2026-11" fault={close.failure?.fields.period} />
        <button class="primary" aria-disabled={close.running}>{close.running ? 'Closing …' : 'Close the month'}</button>
      </form>
      {close.running && closing && (
        <p role="status">
          <progress aria-label="Closing" value={closing.days_done} max={closing.days} /> {closing.days_done} of {counted(closing.days, 'day')}. It goes on also where this page is left.
        </p>
      )}
      {close.failure && <FailureNotice failure={close.failure} />}
      {done && <Done>{done.text} <a href={hrefOf(tenant, 'statements', { period: done.period })}>Look at the statement</a></Done>}
    </>
  );
}
