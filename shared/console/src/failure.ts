// What can go wrong with a call, as the person can act on it.
import type { components } from './openapi.ts';

export type Problem = components['schemas']['Problem'];

/** signed_out: sign in again. offline, busy, slow_down: try again, by itself after some seconds. refused: the API says why. */
export type FailureKind = 'signed_out' | 'offline' | 'busy' | 'slow_down' | 'refused';

export class Failure extends Error {
  override name = 'Failure';

  constructor(
    readonly kind: FailureKind,
    readonly title: string,
    message: string,
    readonly more: { retryAfterSeconds?: number; problem?: Problem; status?: number } = {},
  ) {
    super(message);
  }

  get code(): Problem['code'] | undefined { return this.more.problem?.code; }

  /** What is wrong with each member of what was sent, by its name. */
  get fields(): Record<string, string> {
    return Object.fromEntries((this.more.problem?.errors ?? []).map(({ pointer, detail }) => [pointer.replace(/^#\//, ''), detail]));
  }
}

/** The failure that an answer is; the body as it was read. */
export function failureOf({ status, headers }: Response, body: unknown): Failure {
  const retryAfterSeconds = Number(headers.get('Retry-After')) || undefined;
  const problem = body as Problem | null | undefined;
  const told = typeof problem === 'object' && problem?.code ? problem : undefined; // else API Gateway's own answer
  const detail = told?.detail ?? '';
  if (status === 401) return new Failure('signed_out', 'Your sign-in has expired', 'Sign in again: you come back to this page.', { status });
  if (status === 429) {
    return new Failure('slow_down', 'Too many calls at the moment', detail || 'Others of this tenant, or this page, call too often.', {
      retryAfterSeconds: retryAfterSeconds ?? 1, problem: told, status,
    });
  }
  if (status === 503 || status === 504) {
    return new Failure('busy', 'Seatmeter cannot answer just now', detail || 'Nothing is lost.', { retryAfterSeconds: retryAfterSeconds ?? 5, problem: told, status });
  }
  if (status >= 500) {
    const id = told?.request_id;
    return new Failure('busy', 'Something failed in Seatmeter', id ? `Whoever operates it finds the cause in the log under ${id}.` : detail, {
      retryAfterSeconds: 10, problem: told, status,
    });
  }
  return new Failure('refused', told?.title ?? `Refused (${status})`, detail, { problem: told, status });
}

/** Any error as a failure. An abort stays what it is. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof TypeError) { // what fetch throws without an answer
    return new Failure('offline', 'There is no connection', 'The network or the server cannot be reached.', { retryAfterSeconds: 3 });
  }
  return new Failure('refused', 'This page failed', error instanceof Error ? error.message : String(error));
}

export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';
