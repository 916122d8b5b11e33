// Writes a picture of each page into a folder.
import { join } from 'node:path';
import { closeBrowser, open, signedIn } from './browser.mjs';
import { pages } from './pages.mjs';
import { Tenant } from './stack.mjs';

const folder = process.argv[2];
const looks = [
  ['light', 'light', { width: 1280, height: 900 }],
  ['dark', 'dark', { width: 1280, height: 900 }],
  ['phone', 'light', { width: 360, height: 740 }],
];

// The demo tenant has a history; now it gets a conference that is full.
const acme = new Tenant('acme');
await acme.call('PUT', '/license', { model: 'concurrent', seats: 25 }); // with a queue
for (const [conference, people] of [['weekly', 18], ['board-meeting', 6], ['support', 1]]) {
  await acme.schedule(conference, `${conference}@acme.example`);
  for (let n = 1; n <= people; n++) await acme.join(conference, `person-${n}@acme.example`);
}
await acme.join('weekly', 'late@acme.example');
for (const name of ['eve', 'bob']) await acme.join('weekly', `${name}@acme.example`, { wait: true });
for (const name of ['Ann Archer', 'Bob Baker', 'Eve Eager']) await acme.call('POST', '/hosts', { email: `${name.split(' ')[0]}@acme.example`, name });
await acme.addWebhook();

for (const role of new Set(pages.map((p) => p.role))) {
  const after = [];
  const page = await signedIn({ after: (end) => after.push(end) }, role, role === 'tenant_admin' ? acme.name : '');
  for (const { name, path, ready, prepare } of pages.filter((p) => p.role === role)) {
    await open(page, path(acme.name));
    await ready(page).first().waitFor();
    await prepare?.(page);
    for (const [look, colorScheme, size] of looks) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(size);
      await page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true });
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  for (const end of after) await end();
}
acme.close();
await closeBrowser();
