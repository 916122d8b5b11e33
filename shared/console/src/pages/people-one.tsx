// What an admin does with one host.
import { useMemo, useState } from 'preact/hooks';
import { type Schemas, api, take } from '../api.ts';
import { useAction } from '../load.ts';
import { Ask } from '../parts/dialog.tsx';
import { CheckField, TextField } from '../parts/form.tsx';

interface Props { tenant: string; onClose: () => void; onDone: (text: string) => void }
interface OfHost extends Props { host: Schemas['HostView'] }

const addressHint = 'An e-mail address. All spellings of it are one host.';

export function AddHost({ tenant, onClose, onDone }: Props) {
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const key = useMemo(() => crypto.randomUUID(), [email, name]); // a repeat of the same is one host
  const add = useAction(async () => {
    const header = { 'Idempotency-Key': key };
    await take(api.POST('/v1/tenants/{tenant}/hosts', { params: { path: { tenant }, header }, body: { email, ...(name && { name }) } }));
    onDone(`${email} is a host.`);
  });
  const faults = add.failure?.fields ?? {};
  return (
    <Ask title="Add a host" action="Add" running={add.running} failure={add.failure} onClose={onClose} onSubmit={() => void add.run()}>
      <TextField label="Email" hint={addressHint} value={email} onValue={setEmail} required autofocus maxLength={254} fault={faults.email} />
      <TextField label="Name" hint="May be left out." value={name} onValue={setName} maxLength={200} fault={faults.name} />
    </Ask>
  );
}

export function ChangeHost({ tenant, host, onClose, onDone }: OfHost) {
  const [name, setName] = useState(host.name);
  const [active, setActive] = useState(host.active);
  const change = useAction(async () => {
    await take(api.PATCH('/v1/tenants/{tenant}/hosts/{email}', { params: { path: { tenant, email: host.email } }, body: { name, active } }));
    onDone(`${host.email} was changed.`);
  });
  return (
    <Ask title={`Change ${host.email}`} action="Save" running={change.running} failure={change.failure} onClose={onClose} onSubmit={() => void change.run()}>
      <TextField label="Name" value={name} onValue={setName} required autofocus maxLength={200} fault={change.failure?.fields.name} />
      <CheckField label="Active" hint="Inactive, the host keeps the slot and cannot start a conference." checked={active} onChecked={setActive} />
    </Ask>
  );
}

export function MoveHost({ tenant, host, onClose, onDone }: OfHost) {
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const move = useAction(async () => {
    await take(api.PATCH('/v1/tenants/{tenant}/hosts/{email}', {
      params: { path: { tenant, email: host.email } }, body: { email, ...(name && { name }) },
    }));
    onDone(`${email} has the slot of ${host.email}.`);
  });
  const faults = move.failure?.fields ?? {};
  return (
    <Ask title={`Reassign the slot of ${host.email}`} action="Reassign" running={move.running} failure={move.failure} onClose={onClose} onSubmit={() => void move.run()}>
      <p>Another person becomes host in this one’s place. Under a named license that is one of the month’s changes.</p>
      <TextField label="Email of the other person" hint={addressHint} value={email} onValue={setEmail} required autofocus maxLength={254} fault={faults.email} />
      <TextField label="Name" hint="May be left out." value={name} onValue={setName} maxLength={200} fault={faults.name} />
    </Ask>
  );
}

export function DeleteHost({ tenant, host, onClose, onDone }: OfHost) {
  const remove = useAction(async () => {
    await take(api.DELETE('/v1/tenants/{tenant}/hosts/{email}', { params: { path: { tenant, email: host.email } } }));
    onDone(`${host.email} is no host any more.`);
  });
  return (
    <Ask title={`Delete ${host.email}`} action="Delete" danger running={remove.running} failure={remove.failure} onClose={onClose} onSubmit={() => void remove.run()}>
      <p>The slot becomes free. Under a named license, to fill it again is one of the month’s changes. A conference that runs goes on without new joins.</p>
    </Ask>
  );
}
