import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser } from './pages.mjs';
import { dev, until } from './stack.mjs';

test('the example page seats three people, and the next one when one leaves', async (t) => {
  const stack = await dev(t);
  const address = `${stack.http}/example/`;
  await until('it is built', async () => (await fetch(address)).ok, 60_000);
  const page = await browser.newPage();
  t.after(() => page.close());
  await page.goto(`${address}?people=4`);
  const states = () => page.$$eval('li', (people) => people.map((p) => p.dataset.state).join());
  const are = (wanted) => until(`they are ${wanted}`, async () => (await states()) === wanted);
  await are('seated,seated,seated,queued');
  assert.match(await page.textContent('li:nth-child(4) p'), /next in the queue/);
  await page.click('li:first-child button:text("Leave")');
  await are('lobby,seated,seated,seated');
  await page.click('li:nth-child(2) button:text("Cut")');
  await are('lobby,seated,seated,seated');
});
