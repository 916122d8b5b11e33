// The conferences that use seats now.
import { useContext } from 'preact/hooks';
import type { Schemas } from '../api.ts';
import { Meter } from '../parts/meter.tsx';
import { Empty } from '../parts/notice.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hrefOf } from '../route.ts';
import { SessionContext } from '../session.ts';

type Conference = Schemas['ConferenceSeatsView'];

const textOf = (c: Conference) => `${c.conference} ${c.host}`;
const keyOf = (c: Conference) => c.conference;

export function ConferencesNow({ now }: { now: Schemas['SeatsView'] }) {
  const { person } = useContext(SessionContext);
  const named = now.model === 'named';
  const columns: Column<Conference>[] = [
    {
      title: 'Conference', heading: true,
      // Finance may not read who is in.
      cell: (c) => (person.role === 'finance' ? c.conference : <a href={hrefOf(now.tenant, 'now', { conference: c.conference })}>{c.conference}</a>),
    },
    { title: 'Host', cell: (c) => c.host },
    { title: 'In use', number: !named, cell: (c) => (named ? <Meter label={`Seats of ${c.conference} in use`} used={c.in_use} limit={c.limit} /> : c.in_use) },
    ...(named ? [{ title: 'Waiting', number: true, cell: (c: Conference) => c.waiting ?? 0 }] : []),
  ];
  return (
    <section aria-labelledby="conferences">
      <h2 id="conferences">Conferences</h2>
      <Table
        caption="Conferences" rows={now.conferences} keyOf={keyOf} textOf={textOf} columns={columns}
        empty={<Empty title="Nobody is in a conference now"><p>A conference shows here as soon as somebody is in it. This page keeps looking.</p></Empty>}
      />
    </section>
  );
}
