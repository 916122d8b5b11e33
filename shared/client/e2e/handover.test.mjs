import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dev, pass, Tenant, until } from './stack.mjs';

test('hand-overs before the platform ends a connection lose nothing, and are one stay', async (t) => {
  const lastSeconds = 5; // for the clients; whoever is not handed over is ended after twice that
  const stack = await dev(t, '--max-connection', `${2 * lastSeconds}s`);
  const tenant = await Tenant.make(t, stack, { model: 'concurrent', seats: 20 });
  const began = Date.now();
  const people = tenant.people(20, { connectionSeconds: lastSeconds });
  await Promise.all(people.map((p) => p.join()));
  const before = new Map((await tenant.connections()).map((c) => [c.identity, c.joined_at]));
  await pass(3 * lastSeconds * 1000);
  for (const p of people) {
    const seated = p.history.filter((c) => c.state === 'seated');
    assert.deepEqual(p.history.slice(p.history.indexOf(seated[0])).filter((c) => c.state !== 'seated'), []);
    assert.ok(new Set(seated.map((c) => c.connectionId)).size >= 3, 'it was handed over');
  }
  const seats = await tenant.seats();
  assert.deepEqual([seats.in_use, seats.held], [20, 0]);
  for (const c of await tenant.connections()) assert.equal(c.joined_at, before.get(c.identity));
  for (const p of people) p.close();
  await until('all have left', async () => (await tenant.seats()).in_use === 0);
  const stays = await tenant.stays(began - 60_000);
  assert.equal(new Set(stays.map((r) => r.identity)).size, 20);
  assert.equal(new Set(stays.map((r) => r.stay)).size, 20);
});
