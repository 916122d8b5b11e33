// The license: its terms for everybody, the form for vendors, and who changed what when.
import type { ComponentChildren } from 'preact';
import { useContext, useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { asFailure, failureOf } from '../failure.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Changes } from '../parts/changes.tsx';
import { Show } from '../parts/loaded.tsx';
import { Done, Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time, count } from '../parts/text.tsx';
import { SessionContext } from '../session.ts';
import { LicenseForm } from './license-form.tsx';
import { labels } from './license-terms.ts';

export interface ReadLicense {
  /** Absent: the tenant has no license yet. */
  license?: Schemas['LicenseView'];
  /** Names the revision that was read. */
  etag?: string;
}

async function read(tenant: string, signal: AbortSignal): Promise<ReadLicense> {
  const { data, error, response } = await api.GET('/v1/tenants/{tenant}/license', { params: { path: { tenant } }, signal }).catch((e) => { throw asFailure(e); });
  if (response.status === 404) return {};
  if (!data) throw failureOf(response, error);
  return { license: data, etag: response.headers.get('ETag') ?? undefined };
}

export function License({ tenant }: PageProps) {
  const { person } = useContext(SessionContext);
  const [done, setDone] = useState<{ text: ComponentChildren }>();
  const loaded = useLoad(async (signal) => {
    const now = await read(tenant, signal);
    const history = now.license
      ? (await takeAll((query) => take(api.GET('/v1/tenants/{tenant}/license/history', { params: { path: { tenant }, query }, signal })), { signal })).items
      : [];
    return { now, history: history.sort((a, b) => b.revision - a.revision) };
  }, [tenant]);
  return (
    <>
      <h1>License</h1>
      {done && <Done key={done} focus>{done.text}</Done>}
      <Show of={loaded} what="the license">
        {({ now, history }) => (
          <>
            {person.role === 'vendor'
              ? <LicenseForm key={now.etag} tenant={tenant} now={now} onDone={(text) => { setDone({ text }); loaded.reload(); }} />
              : now.license ? <Terms of={now.license} /> : <Empty title="There is no license"><p>A vendor sells it.</p></Empty>}
            {now.license && <History revisions={history} />}
          </>
        )}
      </Show>
    </>
  );
}

function Terms({ of }: { of: Schemas['LicenseView'] }) {
  const terms = (Object.keys(labels) as (keyof typeof labels)[]).filter((name) => (name !== 'host_changes_per_month' || of.model === 'named') && of[name] !== undefined && of[name] !== null && of[name] !== '');
  return <dl class="terms">{terms.map((name) => <div key={name}><dt>{labels[name]}</dt><dd><Value of={of} name={name} /></dd></div>)}</dl>;
}

function Value({ of, name }: { of: Schemas['LicenseView']; name: keyof typeof labels }) {
  const value = of[name];
  if (name === 'starts_at' || name === 'expires_at') return <Time at={String(value)} />;
  if (name === 'overage') return <>{of.overage === 'allow' ? 'some more are admitted, as overage' : 'joins are refused'}</>;
  if (typeof value === 'number') return <>{count(value)}</>;
  return <>{Array.isArray(value) ? value.join(', ') || 'none' : value}</>;
}

function History({ revisions }: { revisions: Schemas['RevisionView'][] }) {
  return (
    <>
      <h2>History</h2>
      <Table
        caption="Changes of the license" rows={revisions} keyOf={(r) => String(r.revision)} rowsPerPage={20} empty={<Empty title="Nothing was changed yet" />}
        textOf={(r) => `${r.changed_by} ${r.changes.map((c) => c.member).join(' ')}`}
        columns={[
          { title: 'Revision', heading: true, cell: (r) => String(r.revision) },
          { title: 'When', cell: (r) => <Time at={r.changed_at} /> },
          { title: 'By', cell: (r) => r.changed_by || <span class="muted">unknown</span> },
          { title: 'What', cell: (r) => <Changes of={r.changes} /> },
        ]}
      />
    </>
  );
}
