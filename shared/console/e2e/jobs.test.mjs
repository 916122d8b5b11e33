// What people come to the console for, as they do it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, open, signedIn } from './browser.mjs';
import { Tenant, until } from './stack.mjs';

after(closeBrowser);

const figure = (page, name) => page.locator(`[data-figure="${name}"]`);
const row = (page, text) => page.getByRole('row').filter({ hasText: text });

test('an admin adds hosts by CSV, and two bad lines are left out', async (t) => {
  const tenant = await Tenant.make(t, { model: 'named', hosts: 4, participants_per_conference: 3 });
  await tenant.call('POST', '/hosts', { email: 'ann@console.example', name: 'Ann' });
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('button', { name: 'Add many by CSV' }).click();
  const file = [
    'email,name', 'ann@console.example,Ann Archer', 'bob@console.example,Bob', 'not an address,Nobody', 'eve@console.example,Eve', 'bob@console.example,Bob again',
  ].join('\r\n');
  await page.getByLabel('Choose a file').setInputFiles({ name: 'team.csv', mimeType: 'text/csv', buffer: Buffer.from(`\ufeff${file}`) });
  await page.getByText('5 lines: 2 to add, 1 to rename, 2 with a fault').waitFor();
  await row(page, 'not an address').getByText('has no e-mail address').waitFor();
  await row(page, 'Bob again').getByText('is on line 3 already').waitFor();
  assert.equal((await tenant.call('GET', '/hosts')).items.length, 1, 'nothing is changed by looking');

  await page.getByRole('button', { name: 'Make 3 changes' }).click();
  await page.getByText(/^Done: 3 of 3/).waitFor();
  assert.equal(await page.getByText(/^Done: 3 of 3/).textContent(), 'Done: 3 of 3 changes.');
  const hosts = (await tenant.call('GET', '/hosts')).items;
  assert.deepEqual(hosts.map((h) => `${h.email} ${h.name}`), ['ann@console.example Ann Archer', 'bob@console.example Bob', 'eve@console.example Eve']);

  await page.getByLabel('Choose a file').setInputFiles({ name: 'team.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
  await page.getByText('5 lines: 3 there already, 2 with a fault').waitFor(); // a second run does nothing
});

test('an admin changes, reassigns and deletes a host, and sees the changes that are left', async (t) => {
  const tenant = await Tenant.make(t, { model: 'named', hosts: 1, participants_per_conference: 3, host_changes_per_month: 1 });
  const page = await signedIn(t, 'tenant_admin', tenant.name, { path: '' });
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('button', { name: 'Add a host' }).click();
  await page.getByLabel('Email').fill('Ann@console.example');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await row(page, 'ann@console.example').waitFor();

  await page.getByRole('button', { name: 'Add a host' }).click();
  await page.getByLabel('Email').fill('bob@console.example');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('alert').getByText('All named hosts of the license are in use').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();

  await page.getByRole('button', { name: 'Change ann@console.example' }).click();
  await page.getByLabel('Name').fill('Ann');
  await page.getByLabel('Active').uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  await row(page, 'ann@console.example').getByText('inactive').waitFor();

  await page.getByRole('button', { name: 'Reassign the slot of ann@console.example' }).click();
  await page.getByLabel('Email of the other person').fill('bob@console.example');
  await page.getByRole('button', { name: 'Reassign', exact: true }).click();
  await row(page, 'bob@console.example').waitFor();
  await until('no change is left', async () => (await figure(page, 'changes-left').textContent()) === '0');

  await page.getByRole('button', { name: 'Delete bob@console.example' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('There are no hosts yet').waitFor();
  assert.deepEqual((await tenant.call('GET', '/hosts')).items, []);
});

test('an admin watches a conference fill, removes somebody with a reason, and finds who was refused and why', async (t) => {
  const tenant = await Tenant.make(t, { model: 'concurrent', seats: 2 });
  await tenant.schedule('weekly');
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  const eve = await tenant.join('weekly', 'eve@console.example');
  const joined = Date.now();
  await until('one seat is in use', async () => (await figure(page, 'in use').textContent()) === '1');
  const shown = Date.now();
  await tenant.call('GET', '/seats');
  const call = Date.now() - shown; // how slow the machine is at the moment
  assert.ok(shown - joined < 2000 + 20 * call, `it showed after ${shown - joined} ms, where a call takes ${call} ms`);
  await tenant.join('weekly', 'bob@console.example');
  const late = await tenant.join('weekly', 'late@console.example');
  assert.equal(late.refused, 403);

  await page.getByRole('link', { name: 'weekly', exact: true }).click();
  await page.getByRole('button', { name: 'Remove eve@console.example' }).click();
  await page.getByLabel('Reason').fill('Wrong meeting');
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByText('eve@console.example was removed.').waitFor();
  await until('eve is told why', () => eve.messages.some((m) => m.type === 'removed' && m.detail === 'Wrong meeting'));
  await row(page, 'eve@console.example').waitFor({ state: 'detached' });
  await until('the keyboard goes on in the list', () => page.locator('.table').first().evaluate((one) => one === document.activeElement));

  await page.getByRole('link', { name: 'Refusals' }).click();
  await row(page, 'late@console.example').getByText('All seats of the license were taken.').waitFor();
  await row(page, 'late@console.example').getByText('Who had 2 seats').click();
  await row(page, 'late@console.example').getByText('eve@console.example').waitFor();
});

test('the keyboard goes on in the list where a row goes while its dialog is open', async (t) => {
  const tenant = await Tenant.make(t, { model: 'concurrent', seats: 2 });
  await tenant.schedule('weekly');
  const eve = await tenant.join('weekly', 'eve@console.example');
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  await page.getByRole('link', { name: 'weekly', exact: true }).click();
  await page.getByRole('button', { name: 'Remove eve@console.example' }).click();
  eve.leave();
  await row(page, 'eve@console.example').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await until('the keyboard is in the list', () => page.locator('.table').first().evaluate((one) => one === document.activeElement));
});

test('an admin puts somebody first, and ends the conference', async (t) => {
  const tenant = await Tenant.make(t, { model: 'concurrent', seats: 1 });
  await tenant.schedule('weekly');
  await tenant.join('weekly', 'ann@console.example');
  await tenant.join('weekly', 'bob@console.example', { wait: true });
  const eve = await tenant.join('weekly', 'eve@console.example', { wait: true });
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  await until('two wait', async () => (await figure(page, 'waiting').textContent()) === '2');
  await page.getByRole('link', { name: 'weekly', exact: true }).click();
  await page.getByRole('button', { name: 'Put eve@console.example first' }).click();
  await page.getByText('eve@console.example is first in the queue.').waitFor();
  await page.getByRole('button', { name: 'Remove ann@console.example' }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await until('eve is in', () => eve.messages.some((m) => m.type === 'admitted'));
  await page.getByRole('button', { name: 'End the conference' }).click();
  await page.getByRole('button', { name: 'End for all' }).click();
  await page.getByText('The conference has ended.').first().waitFor();
  await until('eve is told', () => eve.messages.some((m) => m.type === 'conference_ended'));
});

test('a hidden page asks nothing, and asks at once when it shows again', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  let asked = 0;
  page.on('request', (request) => { if (request.url().endsWith('/seats')) asked++; });
  await until('it asks', () => asked > 1);
  // A page in the background, as the browser tells it.
  const hide = (hidden) => page.evaluate((is) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => is });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await page.waitForLoadState('networkidle');
  const before = asked;
  await page.waitForTimeout(2500); // in which a visible page would ask twice
  assert.equal(asked, before);
  await hide(false);
  await until('it asks again', () => asked > before);
});

test('finance sees figures and no people', async (t) => {
  const tenant = await Tenant.make(t);
  await tenant.schedule('weekly');
  await tenant.join('weekly', 'ann@console.example');
  const page = await signedIn(t, 'finance', '');
  await open(page, `#/${tenant.name}/now`);
  await row(page, 'weekly').waitFor();
  assert.equal(await page.getByRole('link', { name: 'weekly', exact: true }).count(), 0);
  assert.equal(await page.getByRole('link', { name: 'People' }).count(), 0);
  await open(page, `#/${tenant.name}/people`);
  await page.getByText('There is no such page for you').waitFor();
});
