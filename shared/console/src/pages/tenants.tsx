// All tenants: for the vendor with their licenses, for finance with what they used this month.
import { useContext, useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useLoad } from '../load.ts';
import { Ask } from '../parts/dialog.tsx';
import { TextField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { Meter } from '../parts/meter.tsx';
import { Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { go, hrefOf } from '../route.ts';
import { SessionContext } from '../session.ts';

export function Tenants() {
  const { person } = useContext(SessionContext);
  return (
    <>
      <h1>Tenants</h1>
      {person.role === 'vendor' ? <OfVendor /> : <OfFinance />}
    </>
  );
}

function OfVendor() {
  const [asking, setAsking] = useState(false);
  const tenants = useLoad(async (signal) => (await takeAll((query) => take(api.GET('/v1/tenants', { params: { query }, signal })), { signal })).items, []);
  const sell = <button type="button" class="primary" onClick={() => setAsking(true)}>Sell a license</button>;
  return (
    <>
      <Show of={tenants} what="the tenants">
        {(list) => (
          <Table
            caption="Tenants" rows={list} keyOf={(t) => t.tenant} textOf={(t) => t.tenant} tools={sell}
            empty={<Empty title="There are no tenants yet"><p>Sell the first license: it makes the tenant.</p></Empty>}
            columns={[
              { title: 'Tenant', heading: true, cell: (t) => <a href={hrefOf(t.tenant, 'now')}>{t.tenant}</a> },
              { title: 'Model', cell: (t) => t.model },
              { title: 'In use', cell: (t) => <Use of={t} /> },
              { title: 'Status', cell: (t) => <Status of={t} /> },
              { title: 'License', cell: (t) => <a href={hrefOf(t.tenant, 'license')} aria-label={`Change the license of ${t.tenant}`}>Change</a> },
            ]}
          />
        )}
      </Show>
      {asking && <Sell onClose={() => setAsking(false)} />}
    </>
  );
}

/** Under a named license the limit is each conference's own, so that one bar for all would say nothing. */
function Use({ of }: { of: Schemas['TenantView'] }) {
  return of.model === 'concurrent' ? <Meter label={`Seats of ${of.tenant} in use`} used={of.in_use} limit={of.limit} /> : <>{of.in_use} seats</>;
}

function Status({ of }: { of: Schemas['TenantView'] }) {
  if (of.status === 'suspended') return <span class="badge bad">suspended</span>;
  if (of.expires_at && Date.parse(of.expires_at) < Date.now()) return <span class="badge bad">expired</span>;
  return <span class="badge good">active</span>;
}

function Sell({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  return (
    <Ask title="Sell a license" action="Go on" running={false} failure={undefined} onClose={onClose} onSubmit={() => go(hrefOf(name, 'license'))}>
      <TextField label="Tenant" hint="A short name, such as acme: letters, digits, - and _. It cannot be changed later." value={name} onValue={setName} required pattern="[A-Za-z0-9_\-]{1,64}" autofocus />
    </Ask>
  );
}

function OfFinance() {
  const period = new Date().toISOString().slice(0, 7);
  const tenants = useLoad(
    async (signal) => (await takeAll((query) => take(api.GET('/v1/usage', { params: { query: { ...query, period } }, signal })), { signal })).items, [period],
  );
  return (
    <Show of={tenants} what="the tenants">
      {(list) => (
        <Table
          caption="Tenants" rows={list} keyOf={(t) => t.tenant} textOf={(t) => t.tenant}
          empty={<Empty title="There are no tenants yet"><p>A vendor sells the first license.</p></Empty>}
          columns={[
            { title: 'Tenant', heading: true, cell: (t) => <a href={hrefOf(t.tenant, 'now')}>{t.tenant}</a> },
            { title: `Peak in ${period}`, number: true, cell: (t) => t.peak },
            { title: 'Limit', number: true, cell: (t) => (t.license?.model === 'named' ? <>{t.license.limit} <span class="muted">in each conference</span></> : t.license?.limit ?? '') },
            { title: 'Seat minutes', number: true, cell: (t) => t.seat_minutes },
            { title: 'Refused', number: true, cell: (t) => t.refused },
          ]}
        />
      )}
    </Show>
  );
}
