import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visit } from './pages.mjs';
import { pass, Stack, Tenant, until } from './stack.mjs';

const stack = Stack.own();
const concurrent = (seats, more) => ({ model: 'concurrent', seats, ...more });

test('a browser takes a seat, by the lobby', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  const ann = await visit(t, tenant, 'ann@client.example');
  assert.equal(await ann.join(), 'seated');
  assert.deepEqual(await ann.states(), ['connecting', 'lobby', 'seated']);
  assert.equal((await tenant.connections())[0].connection_id, (await ann.current()).connectionId);
});

test('a browser learns why it is refused', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  await tenant.person('first@client.example').join();
  const ann = await visit(t, tenant, 'ann@client.example');
  assert.equal(await ann.join(), 'seats_exhausted');
  assert.deepEqual(await ann.current(), {
    state: 'refused', code: 'seats_exhausted', detail: 'All 1 seats are in use.', retrying: false, limit: 1, inUse: 1,
  });
});

test('a hidden tab keeps its seat', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  const network = await tenant.network();
  const ann = await visit(t, tenant, 'ann@client.example', { url: network.url });
  await ann.join();
  const [before] = await tenant.connections();
  // Headless Chromium shows every tab, and so the page is told that it is hidden.
  await ann.page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  for (let n = 0; n < 2; n++) {
    const { connectionId } = await ann.current();
    network.cut();
    network.down = true;
    await pass(500);
    network.down = false;
    await until('she is back', async () => { const now = await ann.current(); return now.state === 'seated' && now.connectionId !== connectionId; });
  }
  assert.equal((await tenant.connections())[0].joined_at, before.joined_at);
});

test('a browser that was offline is back as soon as it is online', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1, { reconnect_grace_seconds: 120 }));
  const network = await tenant.network();
  const ann = await visit(t, tenant, 'ann@client.example', { url: network.url });
  await ann.join();
  // By itself it would be back only after eight seconds.
  await ann.page.evaluate(() => { Math.random = () => 1; });
  const [before] = await tenant.connections();
  await ann.context.setOffline(true);
  network.cut();
  network.down = true;
  await until('it has tried in vain', async () => (await ann.current()).attempt >= 2);
  network.down = false;
  await ann.context.setOffline(false);
  await ann.is('seated', 6000);
  assert.equal((await tenant.connections())[0].joined_at, before.joined_at);
});

test('a browser hands over to a new connection in one stay', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1));
  const ann = await visit(t, tenant, 'ann@client.example', { connectionSeconds: 2 });
  await ann.join();
  const [before] = await tenant.connections();
  await pass(5000);
  assert.deepEqual([...new Set(await ann.states())], ['connecting', 'lobby', 'seated']);
  const [now] = await tenant.connections();
  assert.equal(now.joined_at, before.joined_at);
  assert.notEqual(now.connection_id, before.connection_id);
});

test('a page that is left gives its seat back', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(1, { reconnect_grace_seconds: 1 }));
  const ann = await visit(t, tenant, 'ann@client.example');
  await ann.join();
  await ann.page.close();
  await until('the seat is free', async () => (await tenant.seats()).in_use === 0, 15_000);
});
