// Writes a picture of each page into a folder.
import { join } from 'node:path';
import { chromiumOf, closeBrowser, open, signedIn } from './browser.mjs';
import { pages } from './pages.mjs';

const folder = process.argv[2];
const tenant = 'acme';
const looks = [
  ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 900 } }],
  ['phone', { colorScheme: 'light', viewport: { width: 360, height: 740 } }],
];

await chromiumOf();
for (const [look, options] of looks) {
  for (const { name, role, path, ready } of pages) {
    const after = [];
    const page = await signedIn({ after: (end) => after.push(end) }, role, role === 'tenant_admin' ? tenant : '', options);
    await open(page, path(tenant));
    await ready(page).first().waitFor();
    await page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true });
    for (const end of after) await end();
  }
}
await closeBrowser();
