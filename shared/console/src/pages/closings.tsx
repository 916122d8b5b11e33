// Closing a month of all tenants, and how far that is for each.
import { useEffect, useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useAction, useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { TextField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { Empty, FailureNotice } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time, count, counted } from '../parts/text.tsx';
import { hrefOf, setQuery } from '../route.ts';
import { lastMonth } from './statements.tsx';

type Closing = Schemas['ClosingView'];
type All = Schemas['ClosingsPageView'];

const everyMillis = 1000;
const monthPattern = /^\d{4}-\d{2}$/;

async function read(period: string, signal: AbortSignal): Promise<All> {
  let first: All | undefined;
  const { items } = await takeAll(async (query) => {
    const page = await take(api.GET('/v1/statements/{period}/closing', { params: { path: { period }, query }, signal }));
    first ??= page;
    return page;
  }, { signal });
  return { ...first!, items };
}

export function Closings({ query }: PageProps) {
  const period = query.get('period') ?? lastMonth();
  const [text, setText] = useState(period);
  const seen = useLoad((signal) => read(period, signal), [period]);
  const close = useAction(async () => {
    await take(api.POST('/v1/statements', { body: { period } }));
    setQuery('period', period); // so that the link is of this month also in the next
    seen.reload();
  });
  useEffect(() => {
    if (seen.data?.state !== 'running') return undefined;
    const timer = setTimeout(seen.reload, everyMillis);
    return () => clearTimeout(timer);
  }, [seen.data]);
  const choose = (month: string) => {
    setText(month);
    close.clear();
    if (monthPattern.test(month)) setQuery('period', month);
  };
  return (
    <>
      <h1>Close a month</h1>
      <p class="muted">Makes the statement of the month for each tenant. It is safe to repeat: a statement changes only where records came in since.</p>
      <form class="tools" onSubmit={(e) => { e.preventDefault(); void close.run(); }}>
        <TextField label="Month" type="month" value={text} onValue={choose} required pattern="[0-9]{4}-[0-9]{2}" placeholder="2026-11" fault={close.failure?.fields.period} />
        <button class="primary" aria-disabled={close.running}>{close.running ? 'One moment …' : 'Close it for all tenants'}</button>
      </form>
      {close.failure && <FailureNotice failure={close.failure} />}
      <Show of={seen} what="the closings">{(all) => <Results all={all} />}</Show>
    </>
  );
}

function Results({ all }: { all: All }) {
  if (all.state === 'none') return <Empty title={`Nobody has closed ${all.period} for all tenants yet`}><p>A month can be closed four hours after it has ended.</p></Empty>;
  return (
    <>
      <div class={all.state === 'done' && all.tenants_failed === 0 ? 'notice good' : 'notice'}>
        {all.state === 'running' && <p><progress aria-label="Tenants" max={all.tenants} value={all.tenants_done + all.tenants_failed + all.tenants_not_due} /></p>}
        <p role="status">{summary(all)}</p>
        {all.asked_at && <p class="muted">Asked for by {all.asked_by || 'the schedule'}, <Time at={all.asked_at} />.{all.state === 'running' && ' It goes on also where this page is left.'}</p>}
      </div>
      <Table
        caption="Tenants" rows={all.items} keyOf={(c) => c.tenant} textOf={(c) => `${c.tenant} ${words[c.state]}`}
        empty={<Empty title="No tenant has begun yet"><p>This page keeps looking.</p></Empty>}
        columns={[
          { title: 'Tenant', heading: true, cell: (c) => <a href={hrefOf(c.tenant, 'statements', c.state === 'done' ? { period: c.period, revision: c.revision ? String(c.revision) : undefined } : {})}>{c.tenant}</a> },
          { title: 'State', cell: (c) => <State of={c} /> },
          { title: 'Why', cell: (c) => c.problem?.detail ?? '' },
        ]}
      />
    </>
  );
}

function summary({ period, state, tenants, tenants_done: done, tenants_failed: failed, tenants_not_due: early }: All): string {
  const more = [failed > 0 && `${count(failed)} failed`, early > 0 && `for ${count(early)} the month is not over yet`].filter(Boolean);
  return `${period} is ${state === 'running' ? 'being closed' : 'closed'}: ${count(done)} of ${counted(tenants, 'tenant')}${more.map((one) => `, ${one}`).join('')}.`;
}

const words: Record<Closing['state'], string> = { none: 'not begun', running: 'running', done: 'closed', failed: 'failed', not_due: 'not over yet' };
const badges: Record<Closing['state'], string> = { none: 'badge', running: 'badge', done: 'badge good', failed: 'badge bad', not_due: 'badge' };

function State({ of: { state, days, days_done: done, revision } }: { of: Closing }) {
  return (
    <>
      <span class={badges[state]}>{words[state]}</span>{' '}
      <span class="muted">{state === 'running' && `${done} of ${counted(days, 'day')}`}{state === 'done' && revision !== undefined && `revision ${revision}`}</span>
    </>
  );
}
