// The figures of the tenant: in use, held, waiting, against the limit.
import type { Schemas } from '../api.ts';
import { Meter } from '../parts/meter.tsx';
import { count } from '../parts/text.tsx';
import { hrefOf } from '../route.ts';

export function Seats({ now }: { now: Schemas['SeatsView'] }) {
  return (
    <section aria-label="Seats of the tenant">
      <dl class="figures">
        <Figure name="In use" value={now.in_use}>
          {now.limit !== undefined && <Meter label="Seats in use" used={now.in_use} limit={now.limit} />}
          {now.hosts && <span class="muted">in all conferences</span>}
        </Figure>
        <Figure name="Held" value={now.held}><span class="muted">of those in use, for lost connections</span></Figure>
        <Figure name="Waiting" value={now.waiting} alarm={now.waiting > 0}><span class="muted">for a free seat</span></Figure>
        {now.hosts && (
          <Figure name="Hosts" value={now.hosts.used}><Meter label="Host slots in use" used={now.hosts.used} limit={now.hosts.allowed} /></Figure>
        )}
      </dl>
      <p><a href={hrefOf(now.tenant, 'refusals')}>Who was refused, and why</a></p>
    </section>
  );
}

function Figure({ name, value, alarm, children }: { name: string; value: number; alarm?: boolean; children?: preact.ComponentChildren }) {
  return (
    <div class={alarm ? 'figure alarm' : 'figure'}>
      <dt>{name}</dt>
      <dd><strong data-figure={name.toLowerCase()}>{count(value)}</strong> {children}</dd>
    </div>
  );
}
