// Chromium, with people who are signed in to the console.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
  .map((name) => { try { return execFileSync('which', [name], { encoding: 'utf8' }).trim(); } catch { return ''; } })
  .find(Boolean);

export const consoleURL = `${process.env.SEATMETER_HTTP}/console/`;

let browser;
/** The browser, started once. */
export async function chromiumOf() {
  return (browser ??= await chromium.launch({ executablePath, args: ['--no-sandbox'] }));
}

/** Closes the browser: after all tests of a file. */
export async function closeBrowser() { await browser?.close(); }

/**
 * A page of somebody who has signed in by the form of the local issuer. What the page may not do fails the test: errors
 * of scripts and of the Content-Security-Policy, and calls of other hosts.
 */
export async function signedIn(t, role, tenant, { path = '', ...options } = {}) {
  const context = await (await chromiumOf()).newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => { if (/Content.Security.Policy/i.test(message.text())) faults.push(message.text()); });
  page.on('request', (request) => { if (/^https?:/.test(request.url()) && new URL(request.url()).host !== new URL(consoleURL).host) faults.push(`called ${request.url()}`); });
  t.after(async () => {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
    if (faults.length) throw new Error(faults.join('\n'));
  });
  await page.goto(consoleURL + path);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await choose(page, role, tenant);
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  return page;
}

/** Fills in the form of the local issuer. */
export async function choose(page, role, tenant) {
  await page.getByRole('radio', { name: role === 'finance' && tenant ? 'finance of one tenant' : role, exact: true }).check();
  if (tenant) await page.getByRole('textbox').fill(tenant);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Goes to a page of the console, as by a link. */
export async function open(page, path) {
  await page.evaluate((to) => { location.hash = to; }, path);
}

/** What axe finds on the page, a line each; none is right. With rules, only by those. */
export async function findings(page, rules) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { resultTypes: ['violations'], ...(runOnly && { runOnly }) }), rules);
  return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
}
