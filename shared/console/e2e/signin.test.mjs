import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { choose, closeBrowser, consoleURL, signedIn } from './browser.mjs';
import { Tenant } from './stack.mjs';

after(closeBrowser);

const labels = (page) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allTextContents();

test('a vendor sees all tenants, and no bearer is kept', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'vendor');
  await page.getByRole('link', { name: tenant.name, exact: true }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.doesNotMatch(kept, /eyJ/);
});

test('a tenant_admin sees its own tenant and no list of tenants', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  await page.getByRole('heading', { name: 'Now', exact: true }).waitFor();
  assert.ok(!(await labels(page)).includes('Tenants'));
});

test('a reload signs in again without a question, and comes back', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('heading', { name: 'People' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'People' }).waitFor();
});

test('whoever signs out is asked again', async (t) => {
  const page = await signedIn(t, 'vendor');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await choose(page, 'finance');
  await page.getByText('Finance', { exact: true }).waitFor();
  assert.equal(new URL(page.url()).search, '');
  assert.ok(page.url().startsWith(consoleURL));
});
