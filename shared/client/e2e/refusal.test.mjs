import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, pass, Stack, Tenant, until } from './stack.mjs';

const stack = Stack.own();
const concurrent = (seats, more) => ({ model: 'concurrent', seats, ...more });
const named = (hosts, participants) => ({ model: 'named', hosts, participants_per_conference: participants });

/** How a hundred come to be refused, by code. */
const arrangements = {
  seats_exhausted: { license: concurrent(1), async arrange(tenant) { await tenant.person('first@client.example').join(); } },
  participants_exhausted: {
    license: named(1, 1),
    async arrange(tenant) {
      await tenant.person(tenant.host, { role: 'host' }).join();
      await tenant.person('first@client.example').join();
    },
  },
  license_suspended: { license: concurrent(500), async arrange(tenant) { await tenant.put(concurrent(500, { status: 'suspended' })); } },
  license_expired: {
    license: concurrent(500),
    async arrange(tenant) {
      await tenant.put(concurrent(500, { starts_at: '2020-01-01T00:00:00Z', expires_at: '2020-02-01T00:00:00Z' }));
    },
  },
  conference_not_live: { license: named(1, 500), async arrange() {} },
  conference_ended: { license: concurrent(500), async arrange(tenant) { await tenant.call('POST', '/conferences/weekly/end'); } },
  host_busy: {
    license: named(1, 500), role: 'host',
    async arrange(tenant) {
      await tenant.schedule('other');
      await tenant.person(tenant.host, { role: 'host', conference: 'other' }).join();
    },
  },
  hosts_exhausted: {
    license: named(2, 500), role: 'host',
    async arrange(tenant) {
      const host = 'ben@client.example';
      await tenant.call('POST', '/hosts', { email: host, name: 'Ben' });
      await tenant.schedule('other', { host });
      await tenant.put(named(1, 500));
      await tenant.person(host, { role: 'host', conference: 'other' }).join();
    },
  },
  forbidden: {
    license: named(1, 500), role: 'host',
    async arrange(tenant) { await tenant.call('DELETE', `/hosts/${encodeURIComponent(tenant.host)}`); },
  },
};

for (const [code, { license, role, arrange }] of Object.entries(arrangements)) {
  test(`a hundred refusals by ${code} reach the page with their reason`, async (t) => {
    const tenant = await Tenant.make(t, stack, license);
    const identity = (n) => (role === 'host' ? tenant.host : `person-${n}@client.example`);
    // There is no token for a conference that has ended, nor for a host that is none.
    const tokens = await Promise.all(Array.from({ length: 100 }, (_, n) => tenant.token(identity(n), { role })));
    const people = tokens.map((token, n) => tenant.person(identity(n), { getToken: () => token }));
    await arrange(tenant);
    const reasons = await Promise.all(people.map((p) => p.join().then(() => 'seated', (error) => [error.code, p.state])));
    for (const reason of reasons) assert.deepEqual(reason, [code, 'refused']);
    for (const p of people) assert.ok(p.current.detail.length > 10);
  });
}

test('a conference that goes live lets those in who wait', async (t) => {
  const tenant = await Tenant.make(t, stack, named(1, 25));
  const people = tenant.people(10, { wait: true });
  const joined = people.map((p) => p.join());
  await until('all wait', () => people.every((p) => p.current.code === 'conference_not_live' && p.current.retrying));
  await tenant.person(tenant.host, { role: 'host' }).join();
  await Promise.all(joined);
  await all(people, 'seated');
});

test('a removal and an end are told, and final', async (t) => {
  const tenant = await Tenant.make(t, stack, concurrent(5));
  const [ann, ben] = tenant.people(2);
  await Promise.all([ann.join(), ben.join()]);
  await tenant.call('DELETE', `/connections/${encodeURIComponent(ann.current.connectionId)}`);
  await until('she is removed', () => ann.state === 'removed');
  assert.match(ann.current.detail, /administrator/);
  await tenant.call('POST', '/conferences/weekly/end');
  await until('it has ended', () => ben.state === 'ended');
  await pass(2000);
  assert.deepEqual([ann.state, ben.state], ['removed', 'ended']);
});
