// How many hosts a named license still permits. A concurrent one has no bound.
import type { Schemas } from '../api.ts';
import { Meter } from '../parts/meter.tsx';
import { count } from '../parts/text.tsx';

export function SlotFigures({ seats: { hosts, host_changes: changes } }: { seats: Schemas['SeatsView'] }) {
  if (!hosts || !changes) return <p>The license is a concurrent one: it counts seats, so there may be any number of hosts.</p>;
  return (
    <dl class="figures">
      <div class="figure">
        <dt>Host slots in use</dt>
        <dd><strong>{count(hosts.used)}</strong><Meter label="Host slots in use" used={hosts.used} limit={hosts.allowed} /></dd>
      </div>
      <div class="figure">
        <dt>Changes left in {changes.month}</dt>
        <dd><strong data-figure="changes-left">{count(Math.max(0, changes.allowed - changes.made))}</strong><span class="muted">of {count(changes.allowed)}; to refill a slot or pass it on takes one</span></dd>
      </div>
      <div class="figure">
        <dt>Slots never used</dt>
        <dd><strong>{count(changes.unused_slots)}</strong><span class="muted">to fill one is no change</span></dd>
      </div>
    </dl>
  );
}
