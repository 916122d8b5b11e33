import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeBrowser, open, signedIn } from './browser.mjs';
import { Tenant } from './stack.mjs';

after(closeBrowser);

test('a vendor sells a license, changes it, and sees who did', async (t) => {
  const name = `console-sold-${process.pid}`;
  const page = await signedIn(t, 'vendor', '', { path: `#/${name}/license` });
  await page.getByLabel('Seats', { exact: true }).fill('25');
  await page.getByRole('button', { name: 'Sell the license' }).click();
  const sold = page.getByText(`${name} has its license.`);
  await sold.waitFor();
  await page.getByRole('heading', { name: 'History' }).waitFor();
  assert.ok(await sold.evaluate((one) => one === document.activeElement), 'the page shows what was done');
  await page.getByLabel('Seats', { exact: true }).fill('30');
  await page.getByLabel('When all seats are taken').selectOption('allow');
  await page.getByLabel('Burst').fill('5');
  await page.getByRole('button', { name: 'Change the license' }).click();
  const revision = page.getByRole('row', { name: /^2 / });
  await revision.waitFor();
  const what = await revision.textContent();
  assert.match(what, /seats.*25.*30/);
  assert.match(what, /burst.*5/);
  assert.match(what, /vendor/i);
  await open(page, `#/${name}/audit`);
  await page.getByLabel('Find in Actions').fill('put license');
  await page.getByRole('row', { name: /30/ }).first().waitFor();
});

test('what another vendor wrote meanwhile is not undone', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'vendor', '', { path: `#/${tenant.name}/license` });
  await page.getByLabel('Seats', { exact: true }).fill('7');
  await tenant.call('PUT', '/license', { model: 'concurrent', seats: 9 });
  await page.getByRole('button', { name: 'Change the license' }).click();
  await page.getByRole('button', { name: 'Read it again' }).click();
  await page.getByRole('row', { name: /^2 / }).waitFor();
  assert.equal(await page.getByLabel('Seats', { exact: true }).inputValue(), '9');
});

test('a fault that the API finds stands at its field', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'vendor', '', { path: `#/${tenant.name}/license` });
  await page.getByLabel('Time zone').fill('Mars/Olympus');
  await page.getByRole('button', { name: 'Change the license' }).click();
  await page.getByRole('alert').waitFor();
  assert.ok(await page.getByLabel('Time zone').getAttribute('aria-invalid'));
});

test('others than vendors read the license, and cannot change it', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name, { path: `#/${tenant.name}/license` });
  await page.getByRole('heading', { name: 'History' }).waitFor();
  assert.equal(await page.getByRole('button', { name: /license/ }).count(), 0);
});

test('a tenant_admin finds who did what', async (t) => {
  const tenant = await Tenant.make(t);
  await tenant.schedule('weekly');
  await tenant.call('POST', '/conferences/weekly/end');
  const page = await signedIn(t, 'tenant_admin', tenant.name, { path: `#/${tenant.name}/audit` });
  await page.getByLabel('Find in Actions').fill('end');
  const found = page.getByRole('table', { name: 'Actions' }).locator('tbody tr', { hasText: 'weekly' });
  await found.first().waitFor();
  assert.match(await found.first().textContent(), /vendor/);
});
