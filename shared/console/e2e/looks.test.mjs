// Each page, for axe, for the keyboard, and from a phone to a wide screen.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { choose, chromiumOf, closeBrowser, consoleURL, findings, open, signedIn } from './browser.mjs';
import { pages } from './pages.mjs';
import { Tenant } from './stack.mjs';

after(closeBrowser);

const widths = [360, 768, 1280, 1920];

for (const role of ['vendor', 'tenant_admin', 'finance']) {
  test(`axe finds nothing on the pages of ${role}, light and dark, and none is wider than the screen`, async (t) => {
    const tenant = await Tenant.make(t, { model: 'concurrent', seats: 1 });
    await tenant.call('POST', '/hosts', { email: 'ann@console.example' });
    await tenant.addWebhook();
    await tenant.schedule('weekly');
    await tenant.join('weekly', 'ann@console.example');
    await tenant.join('weekly', 'late@console.example');
    await tenant.join('weekly', 'waiting@console.example', { wait: true });
    const page = await signedIn(t, role, role === 'tenant_admin' ? tenant.name : '');
    for (const one of pages.filter((p) => p.role === role)) {
      await open(page, one.path(tenant.name));
      await one.ready(page).first().waitFor();
      await one.prepare?.(page);
      await page.emulateMedia({ colorScheme: 'light' });
      assert.deepEqual(await findings(page), [], one.name);
      await page.emulateMedia({ colorScheme: 'dark' });
      assert.deepEqual(await findings(page, ['color-contrast', 'link-in-text-block']), [], `${one.name}, dark`); // the other rules know no colour
      for (const width of widths) {
        await page.setViewportSize({ width, height: 800 });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${one.name} at ${width}: ${over} pixels too wide`);
      }
      await page.setViewportSize({ width: 1280, height: 800 });
    }
  });
}

test('axe finds nothing in dialogs, and Esc closes them', async (t) => {
  const tenant = await Tenant.make(t);
  const page = await signedIn(t, 'tenant_admin', tenant.name);
  await open(page, `#/${tenant.name}/people`);
  await page.getByRole('button', { name: 'Add a host' }).click();
  await page.getByRole('dialog').waitFor();
  assert.deepEqual(await findings(page), []);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Add a host', 'the focus is back where it was');
});

test('somebody with a keyboard alone signs in, finds a conference and removes a person', async (t) => {
  const tenant = await Tenant.make(t);
  await tenant.schedule('weekly');
  await tenant.join('weekly', 'eve@console.example');
  const context = await (await chromiumOf()).newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(consoleURL);
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  const tabTo = async (name) => {
    for (let n = 0; n < 40; n++) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => document.activeElement?.getAttribute('aria-label') || document.activeElement?.textContent);
      if (at === name) return;
    }
    assert.fail(`the keyboard does not reach ${name}`);
  };
  await tabTo('Sign in');
  await page.keyboard.press('Enter');
  await page.getByRole('radio', { name: 'tenant_admin' }).waitFor();
  await choose(page, 'tenant_admin', tenant.name); // the issuer's page is not the console's
  await page.getByRole('link', { name: 'weekly', exact: true }).waitFor();
  await tabTo('weekly');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Remove eve@console.example' }).waitFor();
  await tabTo('Remove eve@console.example');
  await page.keyboard.press('Enter');
  await page.getByLabel('Reason').and(page.locator(':focus')).waitFor();
  await page.keyboard.type('Wrong meeting');
  await page.keyboard.press('Enter');
  await page.getByText('eve@console.example was removed.').waitFor();
});
