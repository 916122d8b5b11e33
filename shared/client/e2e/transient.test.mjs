// Refusals that are asked again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Proxy } from './proxy.mjs';
import { all, dev, engine, Tenant, until } from './stack.mjs';

const concurrent = (seats) => ({ model: 'concurrent', seats });
const refusedBy = (code) => (p) => p.history.find((c) => c.state === 'refused' && c.code === code);

test('a hundred refusals by rate_limited reach the page, and are asked again', async (t) => {
  // Two hundred joins in ten seconds, by way of the lobby or from there.
  const slow = await dev(t, '--joins-per-second', '20');
  const tenant = await Tenant.make(t, slow, concurrent(1));
  await tenant.person('first@client.example').join();
  const people = tenant.people(100);
  const limited = refusedBy('rate_limited');
  for (const p of people) void (async () => { for (let n = 0; n < 50 && !limited(p); n++) await p.join().catch(() => {}); })();
  await until('all are refused', () => people.every(limited));
  for (const { detail, retrying, retryAfter } of people.map(limited)) {
    assert.match(detail, /Too many joins/);
    assert.ok(retrying && retryAfter >= 1 && retryAfter <= 10, `after ${retryAfter} s`);
  }
  await until('all are told that there is no seat', () => people.every((p) => p.current.code === 'seats_exhausted'));
});

test('a hundred refusals by unavailable reach the page, and are asked again', async (t) => {
  const database = await Proxy.to(await engine(t));
  t.after(() => database.close());
  const tenant = await Tenant.make(t, await dev(t, '--store', 'dynamodb', '--dynamodb-endpoint', database.url), concurrent(100));
  const people = tenant.people(100, { retry: () => 0 }); // asks again when the server says
  await Promise.all(people.map((p) => p.join()));
  await Promise.all(people.map((p) => p.leave()));
  database.down = true;
  database.cut();
  for (const p of people) void p.join();
  const unavailable = refusedBy('unavailable');
  await until('all are refused', () => people.every(unavailable), 60_000);
  for (const { detail, retrying, retryAfter } of people.map(unavailable)) {
    assert.ok(detail.length > 10);
    assert.ok(retrying && retryAfter >= 1);
  }
  database.down = false;
  await all(people, 'seated');
});
