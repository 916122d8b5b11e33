// Builds the example page into a folder.
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = resolve(process.argv[2]);
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [join(here, 'page.js')], outdir: folder, bundle: true, format: 'esm', target: 'es2022', logLevel: 'error',
  alias: { 'seatmeter-client': join(here, '../src/index.ts') }, absWorkingDir: here,
});
// Last, and at once, since the page is complete when it can be loaded.
copyFileSync(join(here, 'index.html'), join(folder, 'index.html.new'));
renameSync(join(folder, 'index.html.new'), join(folder, 'index.html'));
