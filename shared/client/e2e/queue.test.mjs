import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visit } from './pages.mjs';
import { all, pass, Stack, Tenant, until } from './stack.mjs';

const stack = Stack.own();
const concurrent = (seats, more) => ({ model: 'concurrent', seats, ...more });

test('waiters get their seats in order', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  const [first, ...people] = tenant.people(4, { wait: true });
  await first.join();
  for (const p of people) {
    void p.join();
    await until('the next one waits', () => p.state === 'queued');
    await pass(1100); // the order is to the second
  }
  assert.deepEqual(people.map((p) => p.current.position), [1, 2, 3]);
  const turn = first;
  let seated = turn;
  for (const p of people) {
    await seated.leave();
    await until('the next one has the seat', () => p.state === 'seated');
    seated = p;
  }
});

test('leave leaves the queue, and an abort does', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  const [first, ann, ben, cid] = tenant.people(4, { wait: true });
  await first.join();
  const abort = new AbortController();
  const gaveUp = ben.join({ signal: abort.signal });
  void ann.join();
  await all([ann, ben], 'queued');
  await ann.leave();
  abort.abort();
  await assert.rejects(gaveUp, { name: 'AbortError' });
  await until('both are in the lobby', () => ann.state === 'lobby' && ben.state === 'lobby');
  void cid.join();
  await until('the last one waits', () => cid.state === 'queued');
  await first.leave();
  await until('the last one has the seat', () => cid.state === 'seated');
});

test('twenty browsers take turns on five seats, while some lose their network', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(5, { reconnect_grace_seconds: 60 }));
  const network = await tenant.network();
  const people = [];
  for (let n = 0; n < 20; n++) people.push(await visit(t, tenant, `person-${n}@client.example`, { wait: true, url: network.url }));
  for (const p of people) {
    void p.join();
    await until('it has a seat or waits', async () => ['seated', 'queued'].includes((await p.current()).state));
  }
  const order = [];
  const waited = new Map();
  let losses = 0;
  await Promise.all(people.map(async (p, n) => {
    const began = Date.now();
    await p.is('seated', 60_000);
    order.push(n);
    waited.set(n, Date.now() - began);
    if (n % 4 === 0) { // has a seat, and loses the network
      const { connectionId } = await p.current();
      await p.page.evaluate(() => window.sockets.at(-1).close(4001));
      losses++;
      await until('it is back', async () => { const now = await p.current(); return now.state === 'seated' && now.connectionId !== connectionId; });
    }
    assert.ok((await tenant.seats()).in_use <= 5);
    await pass(500);
    await p.page.evaluate(() => window.seat.close());
  }));
  assert.deepEqual([order.length, losses], [20, 5]);
  const seconds = [...waited.values()].map((ms) => ms / 1000);
  t.diagnostic(`order ${order.join(' ')}; waited ${Math.max(...seconds).toFixed(1)} s at the most`);
  // Those of one second have no order among themselves, and five pages are looked at in any.
  order.forEach((n, turn) => assert.ok(Math.abs(n - turn) <= 6, `${n} had turn ${turn}`));
});
