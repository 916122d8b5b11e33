// The form in which a vendor sells or changes a license.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { api, take } from '../api.ts';
import { useAction } from '../load.ts';
import { AreaField, NumberField, SelectField, TextField } from '../parts/form.tsx';
import { FailureNotice } from '../parts/notice.tsx';
import { hrefOf } from '../route.ts';
import type { ReadLicense } from './license.tsx';
import { type Terms, bodyOf, labels, termsOf } from './license-terms.ts';

const models = [['concurrent', 'Concurrent: connections, in all conferences together'], ['named', 'Named: hosts, each with a number of participants']] as const;
const statuses = [['active', 'Active'], ['suspended', 'Suspended: nobody new is admitted']] as const;
const overages = [['deny', 'Refuse joins beyond the limit'], ['allow', 'Admit some more, as overage']] as const;

export function LicenseForm({ tenant, now, onDone }: { tenant: string; now: ReadLicense; onDone: (text: ComponentChildren) => void }) {
  const [terms, setTerms] = useState<Terms>(() => termsOf(now.license));
  const set = <K extends keyof Terms>(name: K) => (value: Terms[K]) => setTerms((before) => ({ ...before, [name]: value }));
  const put = useAction(async () => {
    const header = now.etag ? { 'If-Match': now.etag } : { 'If-None-Match': '*' }; // what others wrote meanwhile is not undone
    await take(api.PUT('/v1/tenants/{tenant}/license', { params: { path: { tenant }, header }, body: bodyOf(terms, now.license) }));
    onDone(now.license ? 'The license was changed. It counts from now on.' : <>{tenant} has its license. Next, <a href={hrefOf(tenant, 'people')}>add the hosts</a>, who may start conferences.</>);
  });
  const fault = put.failure?.fields ?? {};
  const submit = (e: Event) => {
    e.preventDefault();
    void put.run();
  };
  return (
    <form class="license" onSubmit={submit}>
      {!now.license && <p>{tenant} has no license yet.</p>}
      <fieldset>
        <legend>What is sold</legend>
        <SelectField label={labels.model} value={terms.model} onValue={set('model')} options={models} fault={fault.model} />
        <Limits terms={terms} set={set} fault={fault} />
        <SelectField label={labels.overage} value={terms.overage} onValue={set('overage')} options={overages} fault={fault.overage} />
        {terms.overage === 'allow' && (
          <NumberField label={labels.burst} hint="How many more are admitted, in each pool: 1 to 1,000,000." value={terms.burst} onValue={set('burst')} min={1} max={1_000_000} required fault={fault.burst} />
        )}
        <TextField label={labels.alert_percents} hint="At which percentages of the limit systems are told: at most 10, each from 1 to 100, with overage to 200, such as 80, 90, 100. Left empty: none." value={terms.alert_percents} onValue={set('alert_percents')} pattern="\s*([0-9]{1,3}\s*%?[\s,;]*){0,10}" maxLength={80} fault={fault.alert_percents} />
        <NumberField label={labels.queue_limit} hint="How many may wait for a seat: 0 to 10,000. Left empty: 1,000." value={terms.queue_limit} onValue={set('queue_limit')} min={0} max={10_000} fault={fault.queue_limit} />
      </fieldset>
      <fieldset>
        <legend>From when until when</legend>
        <SelectField label={labels.status} value={terms.status} onValue={set('status')} options={statuses} fault={fault.status} />
        <TextField label={labels.starts_at} type="datetime-local" hint="By this computer’s clock. Left empty: it has started." value={terms.starts_at} onValue={set('starts_at')} fault={fault.starts_at} />
        <TextField label={labels.expires_at} type="datetime-local" hint="By this computer’s clock. Left empty: never." value={terms.expires_at} onValue={set('expires_at')} fault={fault.expires_at} />
        <TextField label={labels.time_zone} hint="Its calendar has the days and months of reports and statements, such as Europe/Berlin. Left empty: UTC." value={terms.time_zone} onValue={set('time_zone')} list="zones" maxLength={64} fault={fault.time_zone} />
        <datalist id="zones">{Intl.supportedValuesOf('timeZone').map((zone) => <option key={zone} value={zone} />)}</datalist>
      </fieldset>
      <fieldset>
        <legend>Connections</legend>
        <NumberField label={labels.reconnect_grace_seconds} hint="How long a lost connection’s seat is held: 0 to 300. Left empty: 30." value={terms.reconnect_grace_seconds} onValue={set('reconnect_grace_seconds')} min={0} max={300} fault={fault.reconnect_grace_seconds} />
        <NumberField label={labels.host_absent_minutes} hint="After how long a conference without its host ends: 1 to 1,440. Left empty: 15." value={terms.host_absent_minutes} onValue={set('host_absent_minutes')} min={1} max={1440} fault={fault.host_absent_minutes} />
        <NumberField label={labels.estimated_end_within_minutes} hint="How much too early the end of a stay may be that nobody saw: 2 to 5. Left empty: 5." value={terms.estimated_end_within_minutes} onValue={set('estimated_end_within_minutes')} min={2} max={5} fault={fault.estimated_end_within_minutes} />
        <AreaField label={labels.allowed_origins} hint="Whose pages may connect, a line each, such as https://meet.example.com; at most 20. Left empty: all." value={terms.allowed_origins} onValue={set('allowed_origins')} fault={fault.allowed_origins} />
      </fieldset>
      {put.failure && <FailureNotice failure={put.failure} />}
      {put.failure?.code === 'precondition_failed' && <p>Somebody else changed the license meanwhile. <button type="button" onClick={() => onDone('This is the license as it is now.')}>Read it again</button></p>}
      <p class="actions"><button class="primary" aria-disabled={put.running}>{put.running ? 'One moment …' : now.license ? 'Change the license' : 'Sell the license'}</button></p>
    </form>
  );
}

function Limits({ terms, set, fault }: {
  terms: Terms; set: <K extends keyof Terms>(name: K) => (value: Terms[K]) => void; fault: Record<string, string>;
}) {
  if (terms.model === 'concurrent') {
    return <NumberField label={labels.seats} hint="1 to 1,000,000." value={terms.seats} onValue={set('seats')} min={1} max={1_000_000} required fault={fault.seats} />;
  }
  return (
    <>
      <NumberField label={labels.hosts} hint="1 to 100,000." value={terms.hosts} onValue={set('hosts')} min={1} max={100_000} required fault={fault.hosts} />
      <NumberField
        label={labels.participants_per_conference} hint="1 to 10,000, without the host." value={terms.participants_per_conference}
        onValue={set('participants_per_conference')} min={1} max={10_000} required fault={fault.participants_per_conference}
      />
      <NumberField
        label={labels.host_changes_per_month} hint="0 to 100,000. Left empty: as many as hosts." value={terms.host_changes_per_month}
        onValue={set('host_changes_per_month')} min={0} max={100_000} fault={fault.host_changes_per_month}
      />
    </>
  );
}

