// What goes wrong between the console and the API is shown as something that one can act on.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, findings, open, signedIn } from './browser.mjs';
import { Tenant, until } from './stack.mjs';

after(closeBrowser);

const seats = '**/v1/tenants/*/seats';
const alert = (page, text) => page.getByRole('alert').filter({ hasText: text });

async function now(t) {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  await page.getByText('Nobody is in a conference now').waitFor();
  return { tenant, page };
}

test('an expired sign-in is renewed by a button, and comes back to the same page', async (t) => {
  const { tenant, page } = await now(t);
  await open(page, `#/${tenant.name}/refusals`);
  await page.getByText('Nobody was refused').waitFor();
  // A bearer of which the signature is not right, as an old key's: the gateway answers 401.
  await page.route('**/v1/**', (route) => {
    const headers = route.request().headers();
    return route.continue({ headers: { ...headers, authorization: `${headers.authorization.slice(0, -8)}AAAAAAAA` } });
  });
  await page.getByRole('button', { name: 'Look again' }).click();
  await alert(page, 'Your sign-in has expired').first().waitFor();
  await page.unroute('**/v1/**');
  assert.deepEqual(await findings(page), []);
  await page.getByRole('button', { name: 'Sign in again' }).first().click();
  await page.getByRole('button', { name: 'Sign in' }).click(); // of the issuer
  await page.getByText('Nobody was refused').waitFor();
});

for (const [what, answer, says] of [
  ['too many calls', { status: 429, headers: { 'retry-after': '2' }, json: { code: 'rate_limited', title: 'Too many requests', type: 't', status: 429 } }, 'Too many calls at the moment'],
  ['an outage', { status: 503, headers: { 'retry-after': '2' }, json: { message: 'Service Unavailable' } }, 'Seatmeter cannot answer just now'],
]) {
  test(`after ${what} the page tries again by itself`, async (t) => {
    const { page } = await now(t);
    const asked = [];
    await page.route(seats, (route) => {
      asked.push(Date.now());
      return route.fulfill(answer);
    });
    await alert(page, says).waitFor();
    await page.getByText(/Tries again by itself in \d s/).waitFor();
    await until('it asks again', () => asked.length > 1);
    assert.ok(asked[1] - asked[0] >= 1900, `it asked again after ${asked[1] - asked[0]} ms`);
    await page.unroute(seats);
    await alert(page, says).waitFor({ state: 'detached' });
  });
}

test('a lost network is shown, and what was shown stays', async (t) => {
  const { page } = await now(t);
  await page.context().setOffline(true);
  await alert(page, 'There is no connection').waitFor();
  assert.ok(await page.getByText('Nobody is in a conference now').isVisible());
  await page.context().setOffline(false);
  await alert(page, 'There is no connection').waitFor({ state: 'detached' });
});

test('a refused action says why and keeps what was typed', async (t) => {
  const { tenant, page } = await now(t);
  await open(page, `#/${tenant.name}/people`);
  await page.getByRole('button', { name: 'Add a host' }).click();
  await page.getByLabel('Email').fill('nobody');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('alert').getByText('The input is not valid').waitFor();
  assert.equal(await page.getByLabel('Email').getAttribute('aria-invalid'), 'true');
  assert.equal(await page.getByLabel('Email').inputValue(), 'nobody');
});

test('ten thousand conferences and hosts are searched without freezing', async (t) => {
  const { tenant, page } = await now(t);
  const conferences = Array.from({ length: 10_000 }, (_, n) => ({ conference: `room-${n}`, host: `h${n}@console.example`, in_use: 1, limit: 20_000 }));
  await page.route(seats, (route) => route.fulfill({ json: { tenant: tenant.name, model: 'concurrent', limit: 20_000, in_use: 10_000, held: 0, waiting: 0, conferences } }));
  await page.getByText('Page 1 of 200, 10,000 rows').waitFor();
  await page.evaluate(() => {
    globalThis.longest = 0;
    new PerformanceObserver((list) => {
      for (const task of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, task.duration);
    }).observe({ type: 'longtask' });
  });
  await page.getByRole('searchbox').fill('room-9999');
  await page.getByRole('row', { name: 'room-9999' }).waitFor();
  assert.equal(await page.getByRole('row').count(), 2);
  await page.unroute(seats);

  const hosts = Array.from({ length: 10_000 }, (_, n) => ({ email: `h${n}@console.example`, name: `Host ${n}`, active: true, created_at: '2026-01-01T00:00:00.000Z' }));
  await page.route('**/hosts?*', (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get('cursor') ?? 0);
    return route.fulfill({ json: { items: hosts.slice(from, from + 1000), next_cursor: from + 1000 < hosts.length ? String(from + 1000) : null } });
  });
  await open(page, `#/${tenant.name}/people`);
  await page.getByText('Page 1 of 200, 10,000 rows').waitFor();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText('Page 2 of 200, 10,000 rows').waitFor();
  await page.getByRole('searchbox').fill('Host 9999');
  await page.getByRole('row', { name: 'h9999@console.example' }).waitFor();
  t.diagnostic(`the longest task took ${Math.round(await page.evaluate(() => globalThis.longest))} ms`);
});

test('a hundred thousand lines are planned and shown', async (t) => {
  const { tenant, page } = await now(t);
  await open(page, `#/${tenant.name}/people?many=csv`);
  const lines = Array.from({ length: 100_000 }, (_, n) => `p${n}@console.example;Person ${n}`);
  await page.getByLabel('Choose a file').setInputFiles({ name: 'all.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\r\n')) });
  await page.getByText('100,000 lines: 100,000 to add').waitFor();
  await page.getByRole('searchbox').fill('p99999@');
  await page.getByRole('row', { name: '100,000' }).or(page.getByRole('row', { name: 'p99999@console.example' })).first().waitFor();
});

test('a file that is no CSV says what to do', async (t) => {
  const { tenant, page } = await now(t);
  await open(page, `#/${tenant.name}/people?many=csv`);
  await page.getByLabel('Choose a file').setInputFiles({ name: 'team.xlsx', mimeType: 'application/octet-stream', buffer: Buffer.from('PK\u0003\u0004') });
  await alert(page, 'Save the sheet as CSV').waitFor();
  await until('nothing is planned', async () => (await page.getByRole('heading', { name: 'What would happen' }).count()) === 0);
});
