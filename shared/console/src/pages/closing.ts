// Closing a month. Where it takes long it is a job, which is asked after until it is done.
import { type Schemas, api, take } from '../api.ts';
import { Failure, asFailure, failureOf } from '../failure.ts';

export type Closing = Schemas['ClosingView'];
export type Closed = 'closed' | 'unchanged';

const everyMillis = 1000;

/** Closes a month; `progress` is told how far a job is. Safe to repeat. */
export async function closeMonth(tenant: string, period: string, progress: (closing: Closing) => void): Promise<Closed> {
  const asked = api.POST('/v1/tenants/{tenant}/statements', { params: { path: { tenant } }, body: { period } });
  const { error, response } = await asked.catch((e) => { throw asFailure(e); });
  if (!response.ok) throw failureOf(response, error);
  if (response.status !== 202) return response.status === 201 ? 'closed' : 'unchanged';
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, everyMillis));
    const closing = await take(api.GET('/v1/tenants/{tenant}/statements/{period}/closing', { params: { path: { tenant, period } } }));
    progress(closing);
    if (closing.state === 'done') return 'closed';
    if (closing.state !== 'running') {
      throw new Failure('refused', 'The month was not closed', closing.problem?.detail ?? 'Close it again: it goes on where it stopped.');
    }
  }
}
