// Who was in at the peak of a row of the report, and who was refused meanwhile.
import { useEffect, useRef } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { useLoad } from '../load.ts';
import { Show } from '../parts/loaded.tsx';
import { Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { count, counted } from '../parts/text.tsx';
import { reasonOf } from '../reasons.ts';
import { momentIn } from './usage-chart.tsx';

interface Props { tenant: string; row: Schemas['RowView']; zone: string; onClose: () => void }

const mostRefusals = 200;

export function WhoWasIn({ tenant, row: { from, to }, zone, onClose }: Props) {
  const exactly = (at: string) => <time dateTime={at} title={at}>{momentIn(at, zone, { seconds: true })}</time>;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [from]);
  const loaded = useLoad(async (signal) => {
    let peak: Schemas['PeakView'] | undefined;
    const path = { tenant };
    const [holders, refusals] = await Promise.all([
      takeAll(async (page) => {
        const view = await take(api.GET('/v1/tenants/{tenant}/usage/peaks', { params: { path, query: { ...page, from, to, format: 'json' } }, signal }));
        peak ??= view;
        return view;
      }, { signal }),
      takeAll(({ cursor }) => take(api.GET('/v1/tenants/{tenant}/usage/refusals', {
        params: { path, query: { from, to, limit: mostRefusals, ...(cursor && { cursor }) } }, signal,
      })), { signal, most: mostRefusals }),
    ]);
    return { peak: peak!, holders: holders.items, refusals };
  }, [tenant, from, to]);
  return (
    <section class="who-was-in" aria-labelledby="who-was-in">
      <h3 id="who-was-in" tabIndex={-1} ref={heading}>Who was in, {momentIn(from, zone)}</h3>
      <Show of={loaded} what="who was in">
        {({ peak, holders, refusals }) => (
          <>
            {peak.peak_at && (
              <p>At the peak of this time, {exactly(peak.peak_at)}, {counted(holders.length, 'connection')} {holders.length === 1 ? 'was' : 'were'} in{peak.limit !== null && `, of ${counted(peak.limit, 'seat')}`}.</p>
            )}
            <Table
              caption="Who was in" rows={holders} keyOf={(h) => h.connection} textOf={(h) => `${h.identity} ${h.conference} ${h.host}`}
              tools={<button type="button" onClick={onClose}>Close</button>} empty={<Empty title="Nobody was in" />} rowsPerPage={25}
              columns={[
                { title: 'Person', heading: true, cell: (h) => h.identity },
                { title: 'Conference', cell: (h) => h.conference },
                { title: 'Host', cell: (h) => h.host },
                { title: 'Joined', cell: (h) => exactly(h.joined_at) },
                { title: 'Left', cell: (h) => (h.left_at ? exactly(h.left_at) : 'still in') },
              ]}
            />
            {refusals.items.length > 0 && (
              <>
                <h4>Refused meanwhile: {count(refusals.items.length)}{!refusals.complete && ' and more'}</h4>
                <ul>{refusals.items.map((r) => <li key={`${r.at} ${r.connection}`}>{exactly(r.at)} {r.identity}, {r.conference}: {reasonOf(r.code)}</li>)}</ul>
              </>
            )}
          </>
        )}
      </Show>
    </section>
  );
}
