// The webhooks of the tenant: addresses that Seatmeter tells of events.
import { useState } from 'preact/hooks';
import { apiURL } from '../api.ts';
import type { PageProps } from '../pages.tsx';
import { Show } from '../parts/loaded.tsx';
import { Done, Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time, counted } from '../parts/text.tsx';
import { go, hrefOf } from '../route.ts';
import { CreateWebhook, SecretDialog } from './webhooks-edit.tsx';
import { WebhookPanel } from './webhooks-one.tsx';
import { State, type Webhook, type WithSecret, useWebhooks } from './webhooks-state.tsx';

export function Webhooks({ tenant, query }: PageProps) {
  const [secret, setSecret] = useState<{ of: WithSecret; made: boolean }>();
  const [done, setDone] = useState('');
  const webhook = query.get('webhook');
  const put = (of: Webhook) => {
    setSecret(undefined);
    if (secret?.made) go(hrefOf(tenant, 'webhooks', { webhook: of.webhook }));
  };
  return (
    <>
      <h1>Webhooks</h1>
      {done && !webhook && <Done>{done}</Done>}
      {webhook
        ? <WebhookPanel key={webhook} tenant={tenant} webhook={webhook} onSecret={(of) => setSecret({ of, made: false })} onDeleted={setDone} />
        : <List tenant={tenant} onMade={(of) => { setDone(''); setSecret({ of, made: true }); }} />}
      {secret && <SecretDialog of={secret.of} made={secret.made} onClose={() => put(secret.of)} />}
    </>
  );
}

function List({ tenant, onMade }: { tenant: string; onMade: (of: WithSecret) => void }) {
  const [asking, setAsking] = useState(false);
  const webhooks = useWebhooks(tenant);
  return (
    <>
      <p class="muted">
        Seatmeter calls each of these addresses when something happens.
        {' '}<a href={`${apiURL()}/v1/docs#signals`}>How a receiver checks that a call is genuine</a>
      </p>
      <Show of={webhooks} what="the webhooks">
        {(list) => (
          <>
            {list.some(({ status }) => status === 'failed') && (
              <p class="notice bad">A webhook was switched off, because every attempt had failed for five days. Open it to see why, and to switch it on again.</p>
            )}
            <Table
              caption="Webhooks" rows={list} keyOf={(w) => w.webhook} textOf={(w) => `${w.url} ${w.description ?? ''} ${w.types.join(' ')}`}
              tools={<button type="button" class="primary" onClick={() => setAsking(true)}>Add a webhook</button>}
              empty={<Empty title="There are no webhooks yet"><p>Add the address of a receiver of yours, and choose what it is told of.</p></Empty>}
              columns={[
                { title: 'Address', heading: true, cell: (w) => <a href={hrefOf(tenant, 'webhooks', { webhook: w.webhook })}>{w.url}</a> },
                { title: 'What for', cell: (w) => w.description },
                { title: 'Told of', cell: (w) => <span title={w.types.join('\n')}>{counted(w.types.length, 'type')} of event</span> },
                { title: 'State', cell: (w) => <State of={w} /> },
                { title: 'Since', cell: (w) => <Time at={w.created_at} /> },
              ]}
            />
          </>
        )}
      </Show>
      {asking && <CreateWebhook tenant={tenant} onClose={() => setAsking(false)} onDone={(of) => { setAsking(false); onMade(of); }} />}
    </>
  );
}
