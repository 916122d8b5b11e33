// The hosts of the tenant: find, add, change, delete; one by one or by a file.
import { useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import type { Slots } from '../hosts/plan.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Show } from '../parts/loaded.tsx';
import { Done, Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time } from '../parts/text.tsx';
import { setQuery } from '../route.ts';
import { ManyHosts } from './people-many.tsx';
import { AddHost, ChangeHost, DeleteHost, MoveHost } from './people-one.tsx';
import { SlotFigures } from './people-slots.tsx';

type Host = Schemas['HostView'];
type Asking = { what: 'add' } | { what: 'change' | 'move' | 'delete'; host: Host };

/** Beyond this the list is not shown whole, and a host is found by its exact address. */
const mostHosts = 200_000;

const textOf = (h: Host) => `${h.email} ${h.name}`;
const keyOf = (h: Host) => h.email;

export function People({ tenant, query }: PageProps) {
  const [asking, setAsking] = useState<Asking>();
  const [done, setDone] = useState('');
  const loaded = useLoad(async (signal) => {
    const path = { tenant };
    const [hosts, seats] = await Promise.all([
      takeAll((page) => take(api.GET('/v1/tenants/{tenant}/hosts', { params: { path, query: page }, signal })), { signal, most: mostHosts }),
      take(api.GET('/v1/tenants/{tenant}/seats', { params: { path }, signal })),
    ]);
    return { hosts: hosts.items, seats };
  }, [tenant]);
  const finish = (text: string) => {
    setDone(text);
    setAsking(undefined);
    loaded.reload();
  };
  const dialog = { tenant, onClose: () => setAsking(undefined), onDone: finish };
  return (
    <>
      <h1>People</h1>
      <p class="muted">Hosts may start conferences. Participants need no entry here.</p>
      <Show of={loaded} what="the hosts">
        {({ hosts, seats }) => (
          <>
            <SlotFigures seats={seats} />
            {query.has('many')
              ? <ManyHosts tenant={tenant} hosts={hosts} slots={slotsOf(seats)} onChanged={loaded.reload} />
              : (
                <>
                  {done && <Done>{done}</Done>}
                  <Hosts hosts={hosts} onAsk={(what) => { setDone(''); setAsking(what); }} />
                </>
              )}
          </>
        )}
      </Show>
      {asking?.what === 'add' && <AddHost {...dialog} />}
      {asking?.what === 'change' && <ChangeHost {...dialog} host={asking.host} />}
      {asking?.what === 'move' && <MoveHost {...dialog} host={asking.host} />}
      {asking?.what === 'delete' && <DeleteHost {...dialog} host={asking.host} />}
    </>
  );
}

function slotsOf({ hosts, host_changes: changes }: Schemas['SeatsView']): Slots | undefined {
  if (!hosts || !changes) return undefined;
  return { free: hosts.allowed - hosts.used, neverUsed: changes.unused_slots, changesLeft: changes.allowed - changes.made };
}

function Hosts({ hosts, onAsk }: { hosts: Host[]; onAsk: (what: Asking) => void }) {
  const add = (
    <>
      <button type="button" class="primary" onClick={() => onAsk({ what: 'add' })}>Add a host</button>
      <button type="button" onClick={() => setQuery('many', 'csv')}>Add many by CSV</button>
    </>
  );
  return (
    <Table
      caption="Hosts" rows={hosts} keyOf={keyOf} textOf={textOf} tools={add}
      empty={<Empty title="There are no hosts yet"><p>Add the first one, or many at once from a CSV file.</p></Empty>}
      columns={[
        { title: 'Email', heading: true, cell: (h) => h.email },
        { title: 'Name', cell: (h) => h.name },
        { title: 'State', cell: (h) => <span class={h.active ? 'badge good' : 'badge'}>{h.active ? 'active' : 'inactive'}</span> },
        { title: 'Since', cell: (h) => <Time at={h.created_at} /> },
        {
          title: '', cell: (h) => (
            <span class="row">
              <button type="button" aria-label={`Change ${h.email}`} onClick={() => onAsk({ what: 'change', host: h })}>Change</button>
              <button type="button" aria-label={`Reassign the slot of ${h.email}`} onClick={() => onAsk({ what: 'move', host: h })}>Reassign</button>
              <button type="button" aria-label={`Delete ${h.email}`} onClick={() => onAsk({ what: 'delete', host: h })}>Delete</button>
            </span>
          ),
        },
      ]}
    />
  );
}
