// The dialogs of webhooks: to make, change, rotate and delete one, and the one that shows a secret.
import { useId, useMemo, useRef, useState } from 'preact/hooks';
import { api, take } from '../api.ts';
import type { Failure } from '../failure.ts';
import { useAction } from '../load.ts';
import { Ask, Dialog } from '../parts/dialog.tsx';
import { CheckField, TextField } from '../parts/form.tsx';
import { chosen, wordsOf } from './webhook-types.ts';
import type { Webhook, WithSecret } from './webhooks-state.tsx';

interface Props<T> { tenant: string; onClose: () => void; onDone: (done: T) => void }
interface Of<T> extends Props<T> { of: Webhook }

interface Terms { url: string; types: string[]; description: string }

export function CreateWebhook({ tenant, onClose, onDone }: Props<WithSecret>) {
  const [terms, setTerms] = useState<Terms>({ url: '', types: [], description: '' });
  const key = useMemo(() => crypto.randomUUID(), [terms]); // a repeat of the same is one webhook
  const create = useAction(async () => {
    const { description, ...body } = terms;
    const params = { path: { tenant }, header: { 'Idempotency-Key': key } };
    onDone(await take(api.POST('/v1/tenants/{tenant}/webhooks', { params, body: { ...body, ...(description && { description }) } })));
  });
  return (
    <Ask title="Add a webhook" action="Add" running={create.running} failure={create.failure} onClose={onClose} onSubmit={() => void create.run()}>
      <Fields terms={terms} onTerms={setTerms} failure={create.failure} />
    </Ask>
  );
}

export function ChangeWebhook({ tenant, of, onClose, onDone }: Of<Webhook>) {
  const [terms, setTerms] = useState<Terms>({ url: of.url, types: of.types, description: of.description ?? '' });
  const change = useAction(async () => {
    onDone(await take(api.PATCH('/v1/tenants/{tenant}/webhooks/{webhook}', { params: { path: { tenant, webhook: of.webhook } }, body: terms })));
  });
  return (
    <Ask title="Change the webhook" action="Save" running={change.running} failure={change.failure} onClose={onClose} onSubmit={() => void change.run()}>
      <Fields terms={terms} onTerms={setTerms} failure={change.failure} />
    </Ask>
  );
}

function Fields({ terms, onTerms, failure }: { terms: Terms; onTerms: (terms: Terms) => void; failure: Failure | undefined }) {
  const fault = failure?.fields ?? {};
  const id = useId();
  const [offered] = useState(() => [...new Set([...Object.keys(chosen), ...terms.types])]);
  const toggle = (type: string, on: boolean) => onTerms({ ...terms, types: offered.filter((one) => (one === type ? on : terms.types.includes(one))) });
  return (
    <>
      <TextField
        label="Address" type="url" placeholder="https://" hint="An https address that the public internet reaches. Redirects are not followed."
        value={terms.url} onValue={(url) => onTerms({ ...terms, url })} required autofocus maxLength={2048} fault={fault.url}
      />
      <TextField label="What for" hint="May be left out." value={terms.description} onValue={(description) => onTerms({ ...terms, description })} maxLength={200} fault={fault.description} />
      <fieldset class="choices" aria-describedby={fault.types && id}>
        <legend>Tell it when</legend>
        {fault.types && <p class="fault" id={id}>Choose at least one: {fault.types}</p>}
        {offered.map((type) => <CheckField key={type} label={wordsOf(type)} hint={type} checked={terms.types.includes(type)} onChecked={(on) => toggle(type, on)} />)}
      </fieldset>
    </>
  );
}

export function RotateSecret({ tenant, of, onClose, onDone }: Of<WithSecret>) {
  const [key] = useState(() => crypto.randomUUID()); // a repeat makes no other secret
  const rotate = useAction(async () => {
    const params = { path: { tenant, webhook: of.webhook }, header: { 'Idempotency-Key': key } };
    onDone(await take(api.POST('/v1/tenants/{tenant}/webhooks/{webhook}/rotate', { params })));
  });
  return (
    <Ask title="Rotate the secret" action="Rotate" running={rotate.running} failure={rotate.failure} onClose={onClose} onSubmit={() => void rotate.run()}>
      <p>A new secret is made, and shown once. For 24 hours both secrets sign each call, so give the receiver the new one within that time. After that the old one signs nothing.</p>
    </Ask>
  );
}

export function DeleteWebhook({ tenant, of, onClose, onDone }: Of<string>) {
  const remove = useAction(async () => {
    await take(api.DELETE('/v1/tenants/{tenant}/webhooks/{webhook}', { params: { path: { tenant, webhook: of.webhook } } }));
    onDone('The webhook was deleted.');
  });
  return (
    <Ask title="Delete the webhook" action="Delete" danger running={remove.running} failure={remove.failure} onClose={onClose} onSubmit={() => void remove.run()}>
      <p>{of.url} is told of nothing any more, and what waits to be sent is dropped. A webhook that you add later has another secret.</p>
    </Ask>
  );
}

/** Shows a secret, which the API shows once. */
export function SecretDialog({ of, made, onClose }: { of: WithSecret; made: boolean; onClose: () => void }) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(of.secret);
      setCopied('Copied.');
    } catch { // a page without TLS, or without the permission
      field.current?.select();
      setCopied('The browser does not let this page copy. The secret is selected: copy it with the keyboard.');
    }
  };
  return (
    <Dialog title={made ? 'The secret of the webhook' : 'The new secret of the webhook'} onClose={onClose}>
      <p class="notice bad"><strong>This is shown once.</strong> Copy it now, and keep it as you keep passwords. If it is lost, rotate it.</p>
      <p>The receiver needs it to check that a call is genuine.{!made && ' For 24 hours the secret before signs too.'}</p>
      <div class="field">
        <label for={id}>Secret</label>
        <input id={id} ref={field} type="text" readOnly autofocus value={of.secret} onFocus={(e) => e.currentTarget.select()} />
      </div>
      <p role="status">{copied}</p>
      <p class="actions end">
        <button type="button" onClick={() => void copy()}>Copy</button>
        <button type="button" class="primary" onClick={onClose}>I have it</button>
      </p>
    </Dialog>
  );
}
