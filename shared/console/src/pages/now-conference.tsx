// One conference: who is in, who waits, and what an admin may do about it.
import { useState } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useAction, usePoll } from '../load.ts';
import { Ask } from '../parts/dialog.tsx';
import { TextField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { Done, Empty, FailureNotice } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time, counted } from '../parts/text.tsx';
import { hrefOf } from '../route.ts';

type Connection = Schemas['ConnectionView'];
type Waiter = Schemas['WaiterView'];

const everyMillis = 1000;

interface Props { tenant: string; conference: string; now: Schemas['SeatsView'] }

export function ConferencePanel({ tenant, conference, now }: Props) {
  const path = { tenant, conference };
  const seen = usePoll(async (signal) => {
    const [about, people, queue] = await Promise.all([
      take(api.GET('/v1/tenants/{tenant}/conferences/{conference}', { params: { path }, signal })),
      takeAll((query) => take(api.GET('/v1/tenants/{tenant}/conferences/{conference}/connections', { params: { path, query }, signal })), { signal }),
      takeAll((query) => take(api.GET('/v1/tenants/{tenant}/conferences/{conference}/queue', { params: { path, query }, signal })), { signal }),
    ]);
    return { about, people: people.items, queue: queue.items };
  }, everyMillis, [tenant, conference]);
  const [asking, setAsking] = useState<{ remove: Connection } | 'end'>();
  const [done, setDone] = useState('');
  const seats = now.conferences.find((c) => c.conference === conference);
  const close = () => setAsking(undefined);

  return (
    <section aria-labelledby="conference">
      <p><a href={hrefOf(tenant, 'now')}>All conferences</a></p>
      <h2 id="conference">{conference}</h2>
      {done && <Done>{done}</Done>}
      <Show of={seen} what="the conference">
        {({ about, people, queue }) => (
          <>
            <p class="muted">
              {about.title && <>{about.title}, </>}hosted by {about.host}, {about.state}{seats && <>, {counted(seats.in_use, 'seat')} in use</>}
            </p>
            <People people={people} state={about.state} onRemove={(remove) => setAsking({ remove })} onEnd={() => setAsking('end')} />
            <Queue path={path} queue={queue} onDone={(text) => { setDone(text); seen.reload(); }} />
          </>
        )}
      </Show>
      {asking === 'end' && <End path={path} onClose={close} onDone={() => { setDone('The conference has ended.'); close(); seen.reload(); }} />}
      {typeof asking === 'object' && (
        <Remove path={path} person={asking.remove} onClose={close} onDone={() => { setDone(`${asking.remove.identity} was removed.`); close(); seen.reload(); }} />
      )}
    </section>
  );
}

function People({ people, state, onRemove, onEnd }: { people: Connection[]; state: string; onRemove: (who: Connection) => void; onEnd: () => void }) {
  return (
    <>
      <h3>People</h3>
      <Table
        caption="People in the conference" rows={people} keyOf={(p) => p.connection_id} textOf={(p) => p.identity}
        tools={state !== 'ended' && <button type="button" class="danger" onClick={onEnd}>End the conference</button>}
        empty={<Empty title="Nobody is in"><p>{state === 'ended' ? 'The conference has ended.' : 'Whoever joins shows here.'}</p></Empty>}
        columns={[
          { title: 'Person', heading: true, cell: (p) => p.identity },
          { title: 'Role', cell: (p) => p.role },
          { title: 'Since', cell: (p) => <Time at={p.joined_at} /> },
          { title: '', cell: (p) => <button type="button" aria-label={`Remove ${p.identity}`} onClick={() => onRemove(p)}>Remove</button> },
        ]}
      />
    </>
  );
}

interface Path { tenant: string; conference: string }

function Queue({ path, queue, onDone }: { path: Path; queue: Waiter[]; onDone: (text: string) => void }) {
  const first = useAction(async (who: Waiter) => {
    await take(api.POST('/v1/tenants/{tenant}/conferences/{conference}/queue/{connection}/first', { params: { path: { ...path, connection: who.connection } } }));
    onDone(`${who.identity} is first in the queue.`);
  });
  if (queue.length === 0) return null;
  return (
    <>
      <h3>Waiting</h3>
      {first.failure && <FailureNotice failure={first.failure} />}
      <Table
        caption="Waiting for a seat" rows={queue} keyOf={(w) => w.connection} textOf={(w) => w.identity} empty={null}
        columns={[
          { title: 'Position', number: true, cell: (w) => w.position },
          { title: 'Person', heading: true, cell: (w) => w.identity },
          { title: 'Since', cell: (w) => <Time at={w.since} /> },
          {
            title: '', cell: (w) => w.position > 1 && (
              <button type="button" aria-disabled={first.running} aria-label={`Put ${w.identity} first`} onClick={() => void first.run(w)}>Put first</button>
            ),
          },
        ]}
      />
    </>
  );
}

function Remove({ path, person, onClose, onDone }: { path: Path; person: Connection; onClose: () => void; onDone: () => void }) {
  const [reason, setReason] = useState('');
  const remove = useAction(async () => {
    await take(api.DELETE('/v1/tenants/{tenant}/conferences/{conference}/connections/{connection}', {
      params: { path: { ...path, connection: person.connection_id }, query: { ...(reason && { reason }) } },
    }));
    onDone();
  });
  return (
    <Ask title={`Remove ${person.identity}`} action="Remove" danger running={remove.running} failure={remove.failure} onClose={onClose} onSubmit={() => void remove.run()}>
      <p>The seat is free at once, and the person cannot come back with the same invitation.</p>
      <TextField label="Reason" hint="The person reads it, and the audit log keeps it." value={reason} onValue={setReason} maxLength={200} autofocus fault={remove.failure?.fields.reason} />
    </Ask>
  );
}

function End({ path, onClose, onDone }: { path: Path; onClose: () => void; onDone: () => void }) {
  const end = useAction(async () => {
    await take(api.POST('/v1/tenants/{tenant}/conferences/{conference}/end', { params: { path } }));
    onDone();
  });
  return (
    <Ask title={`End ${path.conference}`} action="End for all" danger running={end.running} failure={end.failure} onClose={onClose} onSubmit={() => void end.run()}>
      <p>Everybody is disconnected and told so. The seats are free at once.</p>
    </Ask>
  );
}
