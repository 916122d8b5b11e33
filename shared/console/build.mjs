// Builds the page into dist. Names have a hash of the content, since browsers keep them for a year.
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

const mostBytes = 150_000;

const { outputFiles } = await build({
  entryPoints: { main: 'src/main.tsx', style: 'src/styles.css' },
  outdir: 'dist', entryNames: '[name]-[hash]', bundle: true, format: 'esm', target: 'es2022', minify: true, write: false,
  legalComments: 'none', absWorkingDir: process.cwd(), logLevel: 'warning',
  jsx: 'automatic', jsxImportSource: 'preact',
});
const named = (start) => basename(outputFiles.find((file) => basename(file.path).startsWith(start)).path);
const page = readFileSync('src/index.html', 'utf8').replace('main.js', named('main-')).replace('styles.css', named('style-'));

for (const name of readdirSync('dist')) {
  if (name !== 'README.txt') rmSync(`dist/${name}`, { recursive: true });
}
for (const file of outputFiles) writeFileSync(file.path, file.contents);
writeFileSync('dist/index.html', page);

const bytes = [...outputFiles.map((file) => file.contents), page].reduce((sum, part) => sum + gzipSync(part).length, 0);
console.log(`The console has ${(bytes / 1000).toFixed(1)} kB, gzipped; ${mostBytes / 1000} kB is the most.`);
if (bytes > mostBytes) process.exitCode = 1;
