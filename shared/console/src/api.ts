// Calls of the API, with its own types. `take` gives the answer's body, or throws a Failure.
import createClient, { type FetchResponse } from 'openapi-fetch';
import { asFailure, failureOf, isAbort } from './failure.ts';
import type { components, paths } from './openapi.ts';
import type { SignIn } from './signin.ts';

export type Schemas = components['schemas'];

/** Where the API is: beside the console. */
export const apiURL = (): string => new URL('..', location.href.split(/[?#]/)[0]).href.replace(/\/$/, '');

let signIn: SignIn | undefined;

/** Has all calls made with this sign-in. */
export function callAs(by: SignIn): void { signIn = by; }

/** fetch, with the bearer. For what is no JSON, such as files. */
export async function fetchAs(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const bearer = await signIn?.bearer();
  if (bearer) request.headers.set('Authorization', `Bearer ${bearer}`);
  return fetch(request);
}

export const api = createClient<paths>({ baseUrl: apiURL(), fetch: fetchAs });

/** The body of an answer. Throws a Failure, or the AbortError of a signal. */
export async function take<R extends FetchResponse<any, any, any>>(call: Promise<R>): Promise<Exclude<NonNullable<R['data']>, string>> {
  try {
    const { data, error, response } = await call;
    if (!response.ok) throw failureOf(response, error);
    return data as Exclude<NonNullable<R['data']>, string>;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw asFailure(error);
  }
}

/** Everything of a list, page by page; at most `most` items, after which it stops. */
export async function takeAll<T>(
  page: (query: { limit: number; cursor?: string }) => Promise<{ items: T[]; next_cursor: string | null }>,
  { most = 20_000, signal, sofar }: { most?: number; signal?: AbortSignal; sofar?: (items: T[]) => void } = {},
): Promise<{ items: T[]; complete: boolean }> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (;;) {
    const { items: more, next_cursor: next } = await page({ limit: 1000, ...(cursor && { cursor }) });
    signal?.throwIfAborted();
    items.push(...more);
    sofar?.(items);
    if (!next || items.length >= most) return { items, complete: !next };
    cursor = next;
  }
}

/** Saves a file of the API's, such as a CSV, under the name that it comes with. */
export async function download(path: string, accept: string, fallbackName: string): Promise<void> {
  let answer: Response;
  try {
    answer = await fetchAs(apiURL() + path, { headers: { Accept: accept } });
  } catch (error) {
    throw asFailure(error);
  }
  if (!answer.ok) throw failureOf(answer, await answer.json().catch(() => null));
  const name = /filename="?([^";]+)/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1] ?? fallbackName;
  save(await answer.blob(), name);
}

/** Has the browser save a file. */
export function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
