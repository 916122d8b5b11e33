// One webhook: how it does, what was sent to it, and what an admin may do with it.
import { useState } from 'preact/hooks';
import { type Schemas, api, take } from '../api.ts';
import { useAction, usePoll } from '../load.ts';
import { Show } from '../parts/loaded.tsx';
import { Done, Empty, FailureNotice } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time } from '../parts/text.tsx';
import { go, hrefOf } from '../route.ts';
import { wordsOf } from './webhook-types.ts';
import { ChangeWebhook, DeleteWebhook, RotateSecret } from './webhooks-edit.tsx';
import { State, type Webhook, type WithSecret, tellChanged } from './webhooks-state.tsx';

type Delivery = Schemas['DeliveryView'];

/** How many deliveries are shown, and how often they are loaded again. */
const few = { limit: 100, everyMillis: 3000 };
const many = { limit: 1000, everyMillis: 30_000 };

interface Props { tenant: string; webhook: string; onSecret: (of: WithSecret) => void; onDeleted: (text: string) => void }

export function WebhookPanel({ tenant, webhook, onSecret, onDeleted }: Props) {
  const path = { tenant, webhook };
  const [window, setWindow] = useState(few);
  const seen = usePoll(async (signal) => {
    const [about, deliveries] = await Promise.all([
      take(api.GET('/v1/tenants/{tenant}/webhooks/{webhook}', { params: { path }, signal })),
      take(api.GET('/v1/tenants/{tenant}/webhooks/{webhook}/deliveries', { params: { path, query: { limit: window.limit } }, signal })),
    ]);
    return { about, deliveries: deliveries.items, more: deliveries.next_cursor !== null };
  }, window.everyMillis, [tenant, webhook]);
  const [asking, setAsking] = useState<'change' | 'rotate' | 'delete'>();
  const [done, setDone] = useState('');
  const finish = (text: string) => {
    setDone(text);
    setAsking(undefined);
    tellChanged();
    seen.reload();
  };
  const dialog = { tenant, onClose: () => setAsking(undefined) };
  const turn = useAction(async (status: 'active' | 'disabled') => {
    await take(api.PATCH('/v1/tenants/{tenant}/webhooks/{webhook}', { params: { path }, body: { status } }));
    finish(status === 'active' ? 'The webhook is switched on.' : 'The webhook is switched off.');
  });
  return (
    <section aria-labelledby="webhook">
      <p><a href={hrefOf(tenant, 'webhooks')}>All webhooks</a></p>
      <Show of={seen} what="the webhook">
        {({ about, deliveries, more }) => (
          <>
            <h2 id="webhook" class="address">{about.url}</h2>
            {done && <Done>{done}</Done>}
            <Health of={about} />
            <About of={about} />
            {turn.failure && <FailureNotice failure={turn.failure} />}
            <Test path={path} onTested={() => { setDone(''); seen.reload(); }}>
              <button type="button" onClick={() => setAsking('change')}>Change</button>
              <button type="button" onClick={() => setAsking('rotate')}>Rotate the secret</button>
              {about.status === 'active'
                ? <button type="button" aria-disabled={turn.running} onClick={() => void turn.run('disabled')}>Switch off</button>
                : <button type="button" aria-disabled={turn.running} onClick={() => void turn.run('active')}>Switch on again</button>}
              <button type="button" class="danger" onClick={() => setAsking('delete')}>Delete</button>
            </Test>
            <Deliveries list={deliveries} />
            {more && (window === few
              ? <p class="actions"><button type="button" onClick={() => { setWindow(many); seen.reload(); }}>Show older ones</button></p>
              : <p class="muted">These are the newest {many.limit.toLocaleString('en')}. The API lists all of the last seven days.</p>)}
            {asking === 'change' && <ChangeWebhook {...dialog} of={about} onDone={() => finish('The webhook was changed.')} />}
            {asking === 'rotate' && <RotateSecret {...dialog} of={about} onDone={(of) => { finish('The secret was rotated. For 24 hours the one before signs too.'); onSecret(of); }} />}
            {asking === 'delete' && <DeleteWebhook {...dialog} of={about} onDone={(text) => { onDeleted(text); tellChanged(); go(hrefOf(tenant, 'webhooks')); }} />}
          </>
        )}
      </Show>
    </section>
  );
}

/** What is wrong with the webhook, and what to do. */
function Health({ of }: { of: Webhook }) {
  if (of.status === 'failed') {
    return (
      <div class="notice bad">
        <p class="title">This webhook was switched off</p>
        <p>Every attempt had failed for five days{of.failing_since && <>, since <Time at={of.failing_since} /></>}. Nothing is sent. Mend the receiver, test it, and then switch it on again.</p>
      </div>
    );
  }
  if (of.status === 'disabled') {
    return <p class="notice">An administrator switched this webhook off. What happens meanwhile is not sent later.</p>;
  }
  if (!of.failing_since) return null;
  return (
    <div class="notice bad">
      <p class="title">Every attempt has failed since <Time at={of.failing_since} /></p>
      <p>Each delivery is tried again for a day. After five days without a success the webhook is switched off.</p>
    </div>
  );
}

function About({ of }: { of: Webhook }) {
  return (
    <dl class="terms">
      <div><dt>state</dt><dd><State of={of} /></dd></div>
      {of.description && <div><dt>what for</dt><dd>{of.description}</dd></div>}
      <div><dt>told when</dt><dd><ul class="reasons">{of.types.map((type) => <li key={type}>{wordsOf(type)}</li>)}</ul></dd></div>
      <div><dt>since</dt><dd><Time at={of.created_at} /></dd></div>
    </dl>
  );
}

function Test({ path, onTested, children }: { path: { tenant: string; webhook: string }; onTested: () => void; children: preact.ComponentChildren }) {
  const [outcome, setOutcome] = useState<Delivery>();
  const test = useAction(async () => {
    setOutcome(undefined);
    setOutcome(await take(api.POST('/v1/tenants/{tenant}/webhooks/{webhook}/test', { params: { path } })));
    onTested();
  });
  return (
    <>
      <p class="actions">
        <button type="button" class="primary" aria-disabled={test.running} onClick={() => void test.run()}>{test.running ? 'Testing …' : 'Send a test'}</button>
        {children}
      </p>
      <div class="outcome">
        {test.failure && <FailureNotice failure={test.failure} />}
        {outcome?.state === 'delivered' && <Done>The test was delivered: the receiver answered {outcome.response_status}, after {outcome.took_ms} ms.</Done>}
        {outcome && outcome.state !== 'delivered' && (
          <div class="notice bad" role="alert">
            <p class="title">The test was not delivered: {outcome.detail}</p>
            <p>Mend the receiver, or change the address, and test it again. It has to answer with a status from 200 to 299 within 10 seconds.</p>
          </div>
        )}
      </div>
    </>
  );
}

function Deliveries({ list }: { list: Delivery[] }) {
  return (
    <>
      <h3>Deliveries</h3>
      <Table
        caption="Deliveries" rows={list} keyOf={(d) => d.event} textOf={(d) => `${d.type} ${wordsOf(d.type)} ${d.event} ${d.state} ${d.detail ?? ''}`}
        empty={<Empty title="Nothing was sent in the last seven days"><p>Send a test to see whether the receiver takes it.</p></Empty>}
        columns={[
          { title: 'When', cell: (d) => <Time at={d.at} /> },
          { title: 'Event', heading: true, cell: (d) => <span title={d.type}>{wordsOf(d.type)}</span> },
          { title: 'Id', cell: (d) => <code>{d.event}</code> },
          { title: 'Outcome', cell: (d) => <Outcome of={d} /> },
          { title: 'Tries', number: true, cell: (d) => d.attempts },
          { title: 'Next try', cell: (d) => d.next_attempt_at && <Time at={d.next_attempt_at} /> },
          { title: 'Error', cell: (d) => d.detail },
        ]}
      />
    </>
  );
}

function Outcome({ of }: { of: Delivery }) {
  if (of.state === 'delivered') return <><span class="badge good">delivered</span> <span class="muted">{of.response_status}</span></>;
  if (of.state === 'failed') return <span class="badge bad">failed</span>;
  return <span class="badge">{of.attempts ? 'is tried again' : 'waits'}</span>;
}
