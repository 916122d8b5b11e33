// Finance's jobs, on the demo tenant acme, which has three months of history.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { closeBrowser, findings, open, signedIn } from './browser.mjs';
import { call } from './stack.mjs';

after(closeBrowser);

/** Months before yesterday's can be closed: each can some hours after it ends, by its tenant's time zone. */
const yesterday = new Date(Date.now() - 24 * 60 * 60 * 1000);
/** So many months before yesterday's, such as 2026-10. */
const month = (before) => new Date(Date.UTC(yesterday.getUTCFullYear(), yesterday.getUTCMonth() - before)).toISOString().slice(0, 7);
const lastDay = (of) => new Date(Date.UTC(Number(of.slice(0, 4)), Number(of.slice(5)), 0)).toISOString().slice(0, 10);
const days = `from=${month(1)}-01&to=${lastDay(month(1))}`;

const figure = (page, name) => page.locator('.figure', { has: page.getByText(name, { exact: true }) }).locator('strong').textContent();
const rows = (page, caption) => page.getByRole('table', { name: caption }).locator('tbody tr');

test('finance finds the peak of a month and sees who made it', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: '#/acme/usage' });
  await page.getByRole('link', { name: 'Last month' }).click();
  await page.getByRole('button', { name: 'Who was in at the peak?' }).click();
  await page.getByRole('heading', { name: /Who was in, / }).waitFor();
  const peak = Number(await figure(page, 'Peak'));
  const said = await page.getByText(/At the peak of this time/).textContent();
  assert.match(said, new RegExp(`${peak} connections were in`));
  assert.equal(await rows(page, 'Who was in').count(), Math.min(peak, 25));
  assert.deepEqual(await findings(page), []);
});

test('a moment of the chart is chosen by keyboard alone, and is in the link', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: `#/acme/usage?${days}` });
  const chart = page.getByRole('slider', { name: 'Peak over time' });
  await chart.focus();
  const before = await chart.getAttribute('aria-valuetext');
  await page.keyboard.press('Home');
  for (let n = 0; n < 9; n++) await page.keyboard.press('ArrowRight');
  const chosen = await chart.getAttribute('aria-valuetext');
  assert.notEqual(chosen, before);
  await page.keyboard.press('Enter');
  const heading = page.getByRole('heading', { name: /Who was in, / });
  await heading.and(page.locator(':focus')).waitFor();
  assert.match(page.url(), /at=/);
  assert.match(await heading.textContent(), new RegExp(chosen.split(', peak')[0]));
});

test('under a named license the chart is of the fullest conference', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: `#/globex/usage?${days}` });
  const said = await page.getByRole('slider', { name: 'Peak over time' }).getAttribute('aria-valuetext');
  assert.match(said, new RegExp(`most in one conference ${await figure(page, 'Most in one conference')} of 25$`));
});

test('a click on the chart says who was in', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: `#/acme/usage?${days}` });
  const over = page.locator('.u-over');
  await over.waitFor();
  const { width } = await over.boundingBox();
  await over.click({ position: { x: width / 2, y: 50 } });
  await page.getByRole('heading', { name: /Who was in, / }).waitFor();
});

test('finance closes two months, checks the seal, and compares', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: '#/acme/statements' });
  for (const period of [month(2), month(1)]) {
    await page.getByLabel('Month', { exact: true }).fill(period);
    await page.getByRole('button', { name: 'Close the month' }).click();
    await page.getByText(new RegExp(`^${period} (is closed|was closed before)`)).waitFor({ timeout: 60_000 });
  }
  await page.getByRole('link', { name: `${month(1)}, revision 1` }).click();
  await page.getByRole('heading', { name: 'The seal is intact' }).waitFor();
  await page.getByLabel('From', { exact: true }).selectOption(`${month(2)}/1`);
  const differences = rows(page, `Differences from ${month(2)}, revision 1`);
  await differences.first().waitFor();
  const [joins] = (await differences.allTextContents()).filter((text) => text.startsWith('Joins'));
  assert.match(joins, /[+−]\d|0$/);
  assert.deepEqual(await findings(page), []);
});

test('a closing that is a job shows how far it is, and why it failed', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: '#/acme/statements' });
  const told = [{ state: 'running', days_done: 7 }, { state: 'failed', days_done: 9, problem: { code: 'precondition_failed', detail: 'The recount differs.', errors: [] } }];
  const json = (status, body) => ({ status, contentType: 'application/json', body: JSON.stringify({ tenant: 'acme', period: month(3), days: 30, ...body }) });
  await page.route('**/v1/tenants/acme/statements', (route) => (route.request().method() === 'POST' ? route.fulfill(json(202, { state: 'running', days_done: 0 })) : route.continue()));
  await page.route('**/closing', (route) => route.fulfill(json(200, told.length > 1 ? told.shift() : told[0])));
  await page.getByLabel('Month', { exact: true }).fill(month(3));
  await page.getByRole('button', { name: 'Close the month' }).click();
  await page.getByText('7 of 30 days').waitFor();
  await page.getByText('The recount differs.').waitFor();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});

test('a statement whose answer was altered on its way has a broken seal', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: '#/acme/statements' });
  await page.getByLabel('Month', { exact: true }).fill(month(1));
  await page.getByRole('button', { name: 'Close the month' }).click();
  await page.getByText(/is closed|was closed before/).waitFor({ timeout: 60_000 });
  await page.route('**/statements/*?*', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace(/"joins":(\d+)/, '"joins":9$1') });
  });
  await page.getByRole('link', { name: `${month(1)}, revision 1` }).click();
  await page.getByRole('heading', { name: 'The seal is broken' }).waitFor();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});

test('a month that is not over is refused, and the page says from when on', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: '#/acme/statements' });
  await page.getByLabel('Month', { exact: true }).fill(new Date().toISOString().slice(0, 7));
  await page.getByRole('button', { name: 'Close the month' }).click();
  await page.getByRole('alert').waitFor();
  assert.ok(await page.getByLabel('Month', { exact: true }).getAttribute('aria-invalid'));
});

test('finance closes a month of all tenants, and sees how each went', async (t) => {
  const page = await signedIn(t, 'finance');
  await page.getByRole('link', { name: 'Close a month' }).click();
  await page.getByLabel('Month', { exact: true }).fill(month(2));
  await page.getByRole('button', { name: 'Close it for all tenants' }).click();
  await page.getByText(new RegExp(`^${month(2)} is closed: `)).waitFor({ timeout: 60_000 });
  assert.match(page.url(), new RegExp(`period=${month(2)}`));
  await rows(page, 'Tenants').filter({ hasText: 'globex' }).getByText('closed').waitFor();
  assert.deepEqual(await findings(page), []);
  await page.getByRole('link', { name: 'acme' }).click();
  await page.getByRole('heading', { name: 'The seal is intact' }).waitFor();
});

test('finance of one tenant has the pages of that tenant alone', async (t) => {
  const page = await signedIn(t, 'finance', 'acme');
  await page.getByRole('heading', { name: 'Now', exact: true }).waitFor();
  for (const name of ['Tenants', 'Close a month', 'People']) assert.equal(await page.getByRole('link', { name }).count(), 0, name);
  await open(page, `#/globex/usage?${days}`);
  await page.getByText('That is another tenant’s page').waitFor();
});

test('a link to the refused people of a month shows others the same', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: `#/acme/usage?${days}` });
  const refused = Number(await figure(page, 'Refused'));
  await page.getByRole('link', { name: 'Who was refused?' }).click();
  await rows(page, 'Refusals').first().waitFor();
  const other = await signedIn(t, 'finance', 'acme', { path: new URL(page.url()).hash });
  await rows(other, 'Refusals').first().waitFor();
  assert.equal(await rows(other, 'Refusals').count(), Math.min(refused, 50));
});

test('the copied link and the file of a sizing have its days and numbers', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: '#/acme/sizing?seats=5,10', permissions: ['clipboard-read', 'clipboard-write'] });
  await page.getByRole('button', { name: 'Copy the link to this answer' }).click();
  await page.getByText('The link is copied.').waitFor();
  const copied = new URL(await page.evaluate(() => navigator.clipboard.readText()));
  assert.match(decodeURIComponent(copied.hash), /from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d&seats=5,10$/);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()]);
  const [, ...lines] = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, 2);
});

test('the keyboard stays where it was when something is done', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: '#/acme/statements' });
  const focused = (one) => one.evaluate((e) => e === document.activeElement);
  await page.getByLabel('Month', { exact: true }).fill(month(1));
  const close = page.getByRole('button', { name: 'Close the month' });
  await close.press('Enter');
  await page.getByText(/is closed|was closed before/).waitFor({ timeout: 60_000 });
  assert.ok(await focused(close), 'the button of what was done');
  await page.getByRole('link', { name: 'Look at the statement' }).press('Enter');
  await page.getByRole('heading', { name: 'The seal is intact' }).waitFor();
  assert.ok(await focused(page.locator('main')), 'the content, as the link is gone');
  await open(page, '#/acme/usage');
  const choice = page.getByRole('link', { name: 'Last month' });
  await choice.press('Enter');
  await page.getByRole('button', { name: 'Who was in at the peak?' }).waitFor();
  assert.ok(await focused(choice), 'the choice of days');
});

test('finance downloads the days of a month as CSV', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: `#/acme/usage?${days}` });
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()]);
  assert.equal(file.suggestedFilename(), 'acme-usage.csv');
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, 1 + Number(lastDay(month(1)).slice(8)));
});

for (const [what, path] of [
  ['the days of a month', `#/acme/usage?${days}`],
  ['a statement', `#/acme/statements?period=${month(2)}`],
]) {
  test(`finance downloads ${what} as XLSX`, async (t) => {
    while (!(await call('POST', '/v1/tenants/acme/statements', { period: month(2) })).totals); // it may take longer than one call
    const page = await signedIn(t, 'finance', '', { path });
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download XLSX' }).click()]);
    assert.match(file.suggestedFilename(), /^acme-.*\.xlsx$/);
    assert.equal((await readFile(await file.path())).toString('latin1', 0, 2), 'PK'); // a ZIP archive, as a spreadsheet is
  });
}

test('a link to a sizing shows others the same answer', async (t) => {
  const page = await signedIn(t, 'finance', '', { path: `#/acme/sizing?${days}` });
  await page.getByLabel('Numbers of seats to try').fill('5, 10');
  await page.getByRole('button', { name: 'Try' }).click();
  await page.getByRole('rowheader', { name: /^5\b/ }).waitFor();
  const answer = await page.locator('.answer').textContent();
  assert.match(answer, /^\d+ seats(, as now|, \d+ (more|fewer) than now)/);
  const admin = await signedIn(t, 'tenant_admin', 'acme', { path: new URL(page.url()).hash });
  await admin.getByRole('rowheader', { name: /^5\b/ }).waitFor();
  assert.equal(await admin.locator('.answer').textContent(), answer);
});

for (const [what, query, word] of [
  ['1,100 days', 'from=2020-01-01&to=2026-01-01', /#?to|more than 1100 days/],
  ['no seats', `${days}&seats=0`, /seats/],
  ['more than a million seats', `${days}&seats=1000001`, /seats/],
  ['what is no number', `${days}&seats=many`, /seats/],
]) {
  test(`a sizing of ${what} says what is wrong`, async (t) => {
    const page = await signedIn(t, 'finance', '', { path: `#/acme/sizing?${query}` });
    const alert = page.getByRole('alert');
    await alert.waitFor();
    assert.match(await alert.textContent(), word);
  });
}
