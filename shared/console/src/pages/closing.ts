// Closing a month. Where it takes long it is a job, which is asked after until it is done.
import { apiURL, fetchAs } from '../api.ts';
import { Failure, asFailure, failureOf } from '../failure.ts';

export interface Closing {
  state: 'none' | 'running' | 'done' | 'failed' | 'not_due';
  days_done: number;
  days: number;
  /** Why it failed. */
  problem?: { code: string; detail: string };
}

export type Closed = 'closed' | 'unchanged';

const everyMillis = 1000;

async function ask(path: string, init: RequestInit): Promise<{ answer: Response; body: unknown }> {
  try {
    const answer = await fetchAs(apiURL() + path, init);
    const body: unknown = await answer.json().catch(() => null);
    if (!answer.ok) throw failureOf(answer, body);
    return { answer, body };
  } catch (error) {
    throw asFailure(error);
  }
}

/** Closes a month; `progress` is told how far a job is. Safe to repeat. */
export async function closeMonth(tenant: string, period: string, progress: (closing: Closing) => void): Promise<Closed> {
  const path = `/v1/tenants/${encodeURIComponent(tenant)}/statements`;
  const { answer } = await ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ period }) });
  if (answer.status !== 202) return answer.status === 201 ? 'closed' : 'unchanged';
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, everyMillis));
    const closing = (await ask(`${path}/${encodeURIComponent(period)}/closing`, {})).body as Closing;
    progress(closing);
    if (closing.state === 'done') return 'closed';
    if (closing.state !== 'running') {
      throw new Failure('refused', 'The month was not closed', closing.problem?.detail ?? 'Close it again: it goes on where it stopped.');
    }
  }
}
