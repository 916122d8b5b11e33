// Pages in a real browser, each with a seat.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { until } from './stack.mjs';

const executablePath = process.env.PATH.split(':').flatMap((dir) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `${dir}/${name}`)).find(existsSync);
export let browser;
let site;
let origin;

before(async () => {
  site = createServer((request, answer) => {
    const script = request.url === '/index.js';
    answer.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    answer.end(script ? readFileSync(new URL('../dist/index.js', import.meta.url)) : '<!doctype html><title>A page</title>');
  });
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${site.address().port}`;
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
});
after(async () => {
  await browser?.close();
  site.close();
});

/** A page with a seat, which is not joined yet. What it logs has no token in it. */
export async function visit(t, tenant, identity, { url = tenant.stack.websocket, ...options } = {}) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const logged = [];
  page.on('console', (message) => logged.push(message.text()));
  page.on('pageerror', (error) => logged.push(`page error: ${error.message}`));
  t.after(() => assert.doesNotMatch(logged.join('\n'), /token\.|resume\.|eyJ|page error/));
  await context.exposeFunction('getToken', () => tenant.token(identity));
  await page.goto(origin);
  await page.evaluate(async ({ url, options }) => {
    const { createSeat } = await import('/index.js');
    window.sockets = [];
    class Socket extends WebSocket {
      constructor(...rest) { super(...rest); window.sockets.push(this); }
    }
    window.seat = createSeat({ url, getToken: () => window.getToken(), WebSocket: Socket, ...options });
    window.changes = [];
    window.seat.on('change', (change) => window.changes.push({ ...change, error: undefined }));
    window.addEventListener('unhandledrejection', (event) => console.log('page error: unhandled', event.reason));
  }, { url, options });
  return {
    page,
    context,
    join: () => page.evaluate(() => window.seat.join().then((c) => c.state, (error) => error.code)),
    current: () => page.evaluate(() => window.seat.current),
    states: () => page.evaluate(() => window.changes.map((change) => change.state)),
    is: (state, withinMs) => until(`${identity} is ${state}`, () => page.evaluate((s) => window.seat.state === s, state), withinMs),
  };
}
