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
  const states = () => page.$$eval('li', (people) => people.map((p) => p.dataset.state));
  const are = (...wanted) => until(`they are ${wanted}`, async () => `${await states()}` === `${wanted}`, undefined, states);

  // They connect at once, so that whoever was last to arrive waits.
  await until('three are seated, and one waits', async () => `${(await states()).sort()}` === 'queued,seated,seated,seated', undefined, states);
  const waits = (await states()).indexOf('queued');
  assert.match(await page.textContent(`li:nth-child(${waits + 1}) p`), /next in the queue/);

  const leaves = waits === 0 ? 1 : 0;
  await page.click(`li:nth-child(${leaves + 1}) button:text("Leave")`);
  const now = ['seated', 'seated', 'seated', 'seated'];
  now[leaves] = 'lobby';
  await are(...now);

  const cut = await page.$(`li:nth-child(${waits + 1})`);
  await cut.evaluate((person) => {
    window.shown = [];
    new MutationObserver(() => window.shown.push(person.dataset.state)).observe(person, { attributeFilter: ['data-state'] });
  });
  await (await cut.$('button:text("Cut")')).click();
  await until('the one that was cut is back', () => page.evaluate(() => {
    const lost = window.shown.indexOf('reconnecting');
    return lost >= 0 && window.shown.indexOf('seated', lost) > lost;
  }), undefined, () => page.evaluate(() => window.shown));
  await are(...now);
});
