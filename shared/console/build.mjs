// Builds the page into dist. Names have a hash of the content, since browsers keep them for a year.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

const wanted = new Map([...outputFiles.map((file) => [basename(file.path), Buffer.from(file.contents)]), ['index.html', Buffer.from(page)]]);
for (const name of readdirSync('dist')) {
  if (name !== 'README.txt' && !wanted.has(name)) rmSync(`dist/${name}`, { recursive: true });
}
for (const [name, content] of wanted) { // what is the same stays: others may embed it just now
  if (!existsSync(`dist/${name}`) || !readFileSync(`dist/${name}`).equals(content)) writeFileSync(`dist/${name}`, content);
}

const bytes = [...outputFiles.map((file) => file.contents), page].reduce((sum, part) => sum + gzipSync(part).length, 0);
console.log(`The console has ${(bytes / 1000).toFixed(1)} kB, gzipped; ${mostBytes / 1000} kB is the most.`);
if (bytes > mostBytes) process.exitCode = 1;
