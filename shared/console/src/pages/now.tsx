// Who uses what right now.
import { api, take } from '../api.ts';
import { usePoll } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Show } from '../parts/loaded.tsx';
import { ConferencesNow } from './now-conferences.tsx';
import { ConferencePanel } from './now-conference.tsx';
import { Seats } from './now-seats.tsx';

/** Changes show within two seconds: this long after each answer it asks again. */
export const everyMillis = 1000;

export function Now({ tenant, query }: PageProps) {
  const seats = usePoll((signal) => take(api.GET('/v1/tenants/{tenant}/seats', { params: { path: { tenant } }, signal })), everyMillis, [tenant]);
  const conference = query.get('conference');
  return (
    <>
      <h1>Now</h1>
      <Show of={seats} what="the seats">
        {(now) => (
          <>
            <Seats now={now} />
            {conference ? <ConferencePanel tenant={tenant} conference={conference} now={now} /> : <ConferencesNow now={now} />}
          </>
        )}
      </Show>
    </>
  );
}
