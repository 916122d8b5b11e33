// What people do about webhooks, with a receiver that checks each call: the example of the documentation.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { load } from '../test/load.mjs';
import { closeBrowser, findings, open, signedIn } from './browser.mjs';
import { Tenant, until } from './stack.mjs';

after(closeBrowser);

const { createReceiver } = await load('../../webhook/example/receiver.ts');

/** Has a server listen, and gives its address. */
async function listening(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

async function receive(t, secret) {
  const got = [];
  return { got, address: await listening(t, createReceiver(secret, (event) => got.push(event))) };
}

const row = (page, text) => page.getByRole('table', { name: 'Deliveries' }).getByRole('row').filter({ hasText: text });

async function readSecret(page) {
  const dialog = page.getByRole('dialog');
  await dialog.getByText('This is shown once.').waitFor();
  const secret = await dialog.getByLabel('Secret').inputValue();
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.deepEqual(await findings(page), [], 'the dialog of a secret');
  await dialog.getByRole('button', { name: 'Copy' }).click();
  await dialog.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  await dialog.getByRole('button', { name: 'I have it' }).click();
  return secret;
}

async function change(page, address) {
  await page.getByRole('button', { name: 'Change', exact: true }).click();
  await page.getByLabel('Address').fill(address);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The webhook was changed.').waitFor();
}

test('an admin adds a webhook, tests it, sees it fail, mends the address, sees it delivered, rotates the secret, deletes it', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name, { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.getByRole('link', { name: 'Webhooks' }).click();
  await page.getByText('There are no webhooks yet').waitFor();

  await page.getByRole('button', { name: 'Add a webhook' }).click();
  await page.getByLabel('Address').fill('ftp://127.0.0.1/hook');
  await page.getByLabel('A host was added').check();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('alert').getByText('must be an https URL').waitFor();
  assert.deepEqual(await findings(page), [], 'the dialog of a webhook');
  await page.getByLabel('Address').fill('http://127.0.0.1:9/hook'); // where nobody listens
  await page.getByLabel('What for').fill('Billing');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  const first = await readSecret(page);

  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByRole('alert').getByText('The test was not delivered: the connection failed').waitFor();
  await row(page, 'Test').getByText('failed', { exact: true }).waitFor();

  const receiver = await receive(t, first);
  await change(page, receiver.address);
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('The test was delivered: the receiver answered 204').waitFor();
  await row(page, 'Test').getByText('delivered').waitFor();
  assert.deepEqual(receiver.got.map((event) => event.type), ['seatmeter.webhook.test']);

  await tenant.call('POST', '/hosts', { email: 'ann@console.example' });
  await row(page, 'A host was added').getByText('delivered').waitFor({ timeout: 30_000 });
  assert.deepEqual(receiver.got.map((event) => event.data.email), [undefined, 'ann@console.example']);

  await page.getByRole('button', { name: 'Rotate the secret' }).click();
  await page.getByText('For 24 hours both secrets sign each call').waitFor();
  await page.getByRole('button', { name: 'Rotate', exact: true }).click();
  const second = await readSecret(page);
  assert.notEqual(second, first);
  await page.getByRole('button', { name: 'Send a test' }).click(); // to the receiver with the secret before
  await page.getByText('The test was delivered').waitFor();
  const renewed = await receive(t, second);
  await change(page, renewed.address);
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByText('The test was delivered').waitFor();
  assert.deepEqual([receiver.got.length, renewed.got.length], [3, 1]);

  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('The webhook was deleted.').waitFor();
  await page.getByText('There are no webhooks yet').waitFor();
  assert.deepEqual((await tenant.call('GET', '/webhooks')).items, []);
});

test('an admin switches a webhook off and on, and sees that what failed is tried again', async (t) => {
  const tenant = await Tenant.make(t);
  const { webhook } = await tenant.addWebhook();
  const page = await signedIn(t, 'tenant_admin', tenant.name, { path: `#/${tenant.name}/webhooks?webhook=${webhook}` });
  await tenant.call('POST', '/hosts', { email: 'ann@console.example' });
  await row(page, 'A host was added').getByText('is tried again').waitFor({ timeout: 30_000 });
  await row(page, 'A host was added').getByText('the connection failed').waitFor();
  await page.getByText('Every attempt has failed since').waitFor();
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByText('An administrator switched this webhook off').waitFor();
  await page.getByRole('button', { name: 'Switch on again' }).click();
  await page.getByText('The webhook is switched on.').waitFor();
  assert.equal((await tenant.call('GET', `/webhooks/${webhook}`)).status, 'active');
});

// Seatmeter switches it off after five days; here the answer says so.
test('a webhook that was switched off is shown on every page', async (t) => {
  const tenant = await Tenant.make(t);
  const { webhook } = await tenant.addWebhook();
  const page = await signedIn(t, 'tenant_admin', tenant.name, { path: `#/${tenant.name}/webhooks` });
  let failed = true;
  const told = (one) => (failed ? { ...one, status: 'failed', failing_since: '2026-01-01T00:00:00.000Z' } : one);
  await page.route('**/webhooks?*', async (route) => {
    const answer = await route.fetch();
    const list = await answer.json();
    await route.fulfill({ response: answer, json: { ...list, items: list.items.map(told) } });
  });
  await page.route(`**/webhooks/${webhook}`, async (route) => {
    const answer = await route.fetch();
    if (route.request().method() === 'PATCH') failed = false;
    await route.fulfill({ response: answer, json: told(await answer.json()) });
  });
  await open(page, `#/${tenant.name}/people`);
  await page.getByRole('link', { name: 'Webhooks 1 off' }).click();
  await page.getByText('A webhook was switched off').waitFor();
  await page.getByRole('link', { name: 'hooks.console.example' }).click();
  await page.getByText('This webhook was switched off').waitFor();
  assert.deepEqual(await findings(page), []);
  await page.getByRole('button', { name: 'Switch on again' }).click();
  await page.getByText('The webhook is switched on.').waitFor();
  await page.getByRole('link', { name: 'Webhooks', exact: true }).waitFor();
});

test('a test that the receiver answers late does not block the page', async (t) => {
  const tenant = await Tenant.make(t);
  let answer;
  const url = await listening(t, createServer((request, response) => { answer = () => response.writeHead(500).end(); }));
  const { webhook } = await tenant.call('POST', '/webhooks', { url, types: ['seatmeter.host.added'] });
  const page = await signedIn(t, 'vendor', '', { path: `#/${tenant.name}/webhooks?webhook=${webhook}` });
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByRole('button', { name: 'Testing …' }).waitFor();
  await until('the receiver is called', () => answer);
  answer();
  await page.getByRole('alert').getByText('The test was not delivered: answered 500').waitFor();
  await page.getByRole('button', { name: 'Send a test' }).waitFor();
});

test('finance sees no webhooks, and a lost one says so', async (t) => {
  const tenant = await Tenant.make(t);
  const finance = await signedIn(t, 'finance', '', { path: `#/${tenant.name}/webhooks` });
  await finance.getByText('There is no such page for you').waitFor();
  assert.equal(await finance.getByRole('link', { name: 'Webhooks' }).count(), 0);
  const page = await signedIn(t, 'tenant_admin', tenant.name, { path: `#/${tenant.name}/webhooks?webhook=wh_gone` });
  await page.getByRole('alert').getByText('There is no such webhook.').waitFor();
  await page.getByRole('link', { name: 'All webhooks' }).click();
  await page.getByText('There are no webhooks yet').waitFor();
});

test('somebody with a keyboard alone adds a webhook and copies its secret', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name, { path: `#/${tenant.name}/webhooks`, permissions: ['clipboard-read', 'clipboard-write'] });
  await page.getByText('There are no webhooks yet').waitFor();
  const tabTo = async (name) => {
    for (let n = 0; n < 40; n++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement?.labels?.[0]?.textContent || document.activeElement?.textContent) === name) return;
    }
    assert.fail(`the keyboard does not reach ${name}`);
  };
  await tabTo('Add a webhook');
  await page.keyboard.press('Enter');
  await page.getByLabel('Address').and(page.locator(':focus')).waitFor();
  await page.keyboard.type('http://127.0.0.1:9/hook');
  await tabTo('A host was added');
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await page.getByText('This is shown once.').waitFor();
  await tabTo('Copy');
  await page.keyboard.press('Enter');
  await page.getByText('Copied.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Send a test' }).waitFor();
  await tabTo('Send a test');
});
