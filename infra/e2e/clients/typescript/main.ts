// Calls a running API through the client that openapi-typescript and openapi-fetch make of its OpenAPI document.
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

declare const process: { env: Record<string, string>; argv: string[] };

const { SEATMETER_HTTP: api, VENDOR: vendor, CONFERENCE: conference, FROM: from, TO: to } = process.env;
const tenant = 'typescript';
const client = createClient<paths>({ baseUrl: api, headers: { Authorization: `Bearer ${vendor}` } });

function want(what: string, is: unknown, wanted: unknown) {
  if (is !== wanted) throw new Error(`${what}: ${JSON.stringify(is)}, want ${JSON.stringify(wanted)}`);
}

// A call that succeeds has data, of the type that the document gives it.
function given<T>(what: string, answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${what}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

const license = given('write a license', await client.PUT('/v1/tenants/{tenant}/license', {
  params: { path: { tenant } },
  body: { model: 'named', hosts: 5, participants_per_conference: 25, expires_at: '2099-01-01T00:00:00Z' },
}));
want('the license written', license.hosts, 5);
const read = await client.GET('/v1/tenants/{tenant}/license', { params: { path: { tenant } } });
want('the license read', given('read a license', read).expires_at, license.expires_at);
want('its tag', read.response.headers.get('etag'), '"1"');

const missing = await client.GET('/v1/tenants/{tenant}/license', { params: { path: { tenant: 'nobody' } } });
if (missing.error === undefined || !('code' in missing.error)) throw new Error('a tenant that is not there has no problem');
want('the problem', missing.error.code, 'not_found');

const statements = given('list statements', await client.GET('/v1/tenants/{tenant}/statements', { params: { path: { tenant } } }));
want('statements', statements.items.length, 0);
const first: components['schemas']['Statement'] = JSON.parse(process.env.FIRST_STATEMENT);
want('the adjustment of a first statement', first.adjustment, undefined);

const usage = given('report usage', await client.GET('/v1/tenants/{tenant}/usage', {
  params: { path: { tenant: 'acme' }, query: { from, to, granularity: 'total', group_by: 'conference', format: 'json' } },
}));
if (typeof usage === 'string') throw new Error('the report is CSV');
want('joins', usage.rows.find((row) => row.group === conference)?.joins, 30);
const csv = given('report usage as CSV', await client.GET('/v1/tenants/{tenant}/usage', {
  params: { path: { tenant: 'acme' }, query: { from, to, format: 'csv' } }, parseAs: 'text',
}));
want('the CSV', typeof csv === 'string' && csv.startsWith('tenant,from,to,'), true);

let stays = 0;
let refusals = 0;
for (let cursor: string | null | undefined; cursor !== null;) {
  const page = given<components['schemas']['PageLedgerRecord'] | string>('list the ledger', await client.GET('/v1/tenants/{tenant}/ledger', {
    params: { path: { tenant: 'acme' }, query: { from, to, format: 'json', limit: 20, cursor: cursor ?? undefined } },
  }));
  if (typeof page === 'string') throw new Error('the ledger is no page');
  for (const record of page.items) {
    if (record.kind === 'stay') stays += record.end === 'closed' ? 1 : 0;
    else if (record.kind === 'refusal') refusals += record.code === 'seats_exhausted' ? 1 : 0;
  }
  cursor = page.next_cursor;
}
want('stays', stays, 30);
want('refusals', refusals, 5);

// A conference server takes a seat, renews it, waits for another, and releases both.
const server = createClient<paths>({ baseUrl: api, headers: { Authorization: `Bearer ${process.env.SERVER}` } });
const path = { tenant: 'typescript-servers', conference: 'calls' };
given('write a license', await client.PUT('/v1/tenants/{tenant}/license', { params: { path }, body: { model: 'concurrent', seats: 1 } }));
given('schedule a conference', await client.POST('/v1/tenants/{tenant}/conferences', {
  params: { path }, body: { conference: path.conference, host: 'ann@example.com' },
}));
const take = async (identity: string) => given('take a seat', await server.POST('/v1/tenants/{tenant}/conferences/{conference}/seats', {
  params: { path }, body: { identity, role: 'participant', ttl_seconds: 60, wait: true },
}));
const taken = await take('bob');
const waits = await take('carl');
if ('state' in taken || !('state' in waits)) throw new Error('the seat is not taken, or the other one is');
want('seats in use', taken.in_use, 1);
want('the position', waits.position, 1);
given('renew a seat', await server.PUT('/v1/tenants/{tenant}/seats/{seat}', { params: { path: { ...path, seat: taken.seat } } }));
const renewed = given('renew seats', await server.POST('/v1/tenants/{tenant}/seats/renew', {
  params: { path }, body: { seats: [taken.seat, waits.seat] },
}));
want('the seats renewed', renewed.renewed.join(), taken.seat);
want('the seats waited for', renewed.queued?.join(), waits.seat);
const release = async (seat: string) => (await server.DELETE('/v1/tenants/{tenant}/seats/{seat}', { params: { path: { ...path, seat } } })).response.status;
const stands = () => server.GET('/v1/tenants/{tenant}/seats/{seat}', { params: { path: { ...path, seat: waits.seat } } });
want('a release', await release(taken.seat), 204);
for (const end = Date.now() + 20_000; given('read a seat', await stands()).state !== 'admitted';) {
  if (Date.now() > end) throw new Error('the seat that came free was not given to the one who waits');
  await new Promise((resolve) => setTimeout(resolve, 100));
}
want('a release', await release(waits.seat), 204);
const lapsed = await stands();
if (lapsed.error === undefined || !('code' in lapsed.error)) throw new Error('a seat that was released has no problem');
want('the problem', lapsed.error.code, 'seat_lapsed');
