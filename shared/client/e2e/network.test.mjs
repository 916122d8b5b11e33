import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { all, NodeSocket, pass, Stack, Tenant, until } from './stack.mjs';

const stack = Stack.own();
const concurrent = (seats, more) => ({ model: 'concurrent', seats, ...more });

/** Joins some at a time, so that the tenant's rate of joins is kept. */
async function joined(people) {
  for (let n = 0; n < people.length; n += 100) await Promise.all(people.slice(n, n + 100).map((p) => p.join()));
}

test('cuts within the grace lose none of 1,000 seats', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1000, { reconnect_grace_seconds: 60 }));
  const network = await tenant.network();
  const people = tenant.people(1000, { url: network.url });
  await joined(people);
  const before = new Map((await tenant.connections()).map((c) => [c.identity, c.joined_at]));
  assert.equal(before.size, 1000);
  for (let round = 0; round < 3; round++) {
    network.cut(0.5);
    network.down = true;
    await pass(500);
    network.down = false;
    await all(people, 'seated');
  }
  assert.deepEqual((await tenant.seats()).in_use, 1000);
  for (const c of await tenant.connections()) assert.equal(c.joined_at, before.get(c.identity), c.identity);
  const lost = people.flatMap((p) => p.history.filter((c) => ['refused', 'lobby'].includes(c.state) && c.at > p.history.find((h) => h.state === 'seated').at));
  assert.deepEqual(lost, []);
});

/** When clients mean to connect: a busy machine runs their timers late, and then many at once. */
function meantTimes(t) {
  const meant = { times: [] };
  const due = new AsyncLocalStorage();
  const setTimer = globalThis.setTimeout;
  globalThis.setTimeout = (run, ms = 0, ...given) => {
    const at = Date.now() + ms;
    return setTimer((...args) => due.run(at, run, ...args), ms, ...given);
  };
  t.after(() => { globalThis.setTimeout = setTimer; });
  meant.WebSocket = class extends NodeSocket {
    constructor(...given) {
      super(...given);
      meant.times.push(due.getStore() ?? Date.now());
    }
  };
  return meant;
}

test('2,000 clients cut at once come back spread, with and without an outage', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(2000, { reconnect_grace_seconds: 120 }));
  const network = await tenant.network();
  const meant = meantTimes(t);
  // On a slow machine, a late answer is no lost connection.
  const people = tenant.people(2000, { url: network.url, WebSocket: meant.WebSocket, timeoutSeconds: 120 });
  await joined(people);
  for (const outage of [false, true]) {
    const before = new Set(people.map((p) => p.current.connectionId));
    meant.times = [];
    network.cut();
    if (outage) {
      network.down = true;
      await until('all have tried in vain', () => network.refused >= 2000);
      await pass(1000);
      meant.times = [];
      network.down = false;
    }
    await until('all are back', () => people.every((p) => p.state === 'seated' && !before.has(p.current.connectionId)), 200_000);
    const seconds = [];
    const first = Math.min(...meant.times);
    for (const at of meant.times) {
      const second = Math.floor((at - first) / 1000);
      seconds[second] = (seconds[second] ?? 0) + 1;
    }
    const mean = meant.times.length / seconds.length;
    const busiest = Math.max(...seconds.filter(Boolean));
    t.diagnostic(`reconnections in each second: ${Array.from(seconds, (n) => n ?? 0).join(' ')}; busiest/mean ${(busiest / mean).toFixed(2)}`);
    assert.ok(busiest <= 3 * mean, `${busiest} in one second, of a mean of ${mean}`);
    assert.equal((await tenant.seats()).in_use, 2000);
  }
});

test('a half-open connection is found, and its seat kept', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  const network = await tenant.network();
  const [ann] = tenant.people(1, { url: network.url, pingSeconds: 1, timeoutSeconds: 3 });
  await ann.join();
  const [before] = await tenant.connections();
  network.halfOpen();
  await until('she is on another connection', () => ann.state === 'seated' && ann.current.connectionId !== before.connection_id);
  await until('the list has it', async () => (await tenant.connections())[0]?.connection_id === ann.current.connectionId);
  assert.equal((await tenant.connections())[0].joined_at, before.joined_at);
});

test('a slow network delays, and nothing more', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(5));
  const network = await tenant.network();
  network.delayMs = 400;
  const people = tenant.people(5, { url: network.url, pingSeconds: 1, timeoutSeconds: 5 });
  await Promise.all(people.map((p) => p.join()));
  await pass(3000);
  for (const p of people) assert.deepEqual(p.history.map((c) => c.state), ['connecting', 'lobby', 'seated']);
});

test('a laptop that slept within the grace resumes', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1, { reconnect_grace_seconds: 30 }));
  const network = await tenant.network();
  const [ann, ben] = tenant.people(2, { url: network.url, pingSeconds: 1, timeoutSeconds: 3 });
  await ann.join();
  const [before] = await tenant.connections();
  network.loseServer();
  await assert.rejects(ben.join(), { code: 'seats_exhausted' });
  await until('she is back', () => ann.state === 'seated' && ann.current.connectionId !== before.connection_id);
  assert.equal((await tenant.connections())[0].joined_at, before.joined_at);
});

test('a laptop that slept too long is told why it is not back', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1, { reconnect_grace_seconds: 1 }));
  const network = await tenant.network();
  const ann = tenant.person('ann@client.example', { url: network.url, pingSeconds: 4, timeoutSeconds: 1 });
  const ben = tenant.person('ben@client.example');
  await ann.join();
  network.down = true; // she comes back only once he has the seat
  network.loseServer();
  await until('her seat is free', async () => (await tenant.seats()).in_use === 0);
  await ben.join();
  network.down = false;
  await until('she is refused', () => ann.state === 'refused');
  const { code, detail, limit, inUse } = ann.current;
  assert.deepEqual([code, detail, limit, inUse], ['seats_exhausted', 'All 1 seats are in use.', 1, 1]);
});

test('closing gives the seat back at once', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  const [ann, ben] = tenant.people(2);
  await ann.join();
  ann.close();
  await until('the seat is free', async () => (await tenant.seats()).in_use === 0, 5000);
  await ben.join();
});
