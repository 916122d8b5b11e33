// Builds the package into dist: types by TypeScript, code by esbuild.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));
rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc'], { stdio: 'inherit' });
const options = { bundle: true, format: 'esm', target: 'es2022', minify: true, outdir: 'dist', absWorkingDir: process.cwd() };
await build({ ...options, entryPoints: ['src/index.ts'] });
await build({ ...options, entryPoints: ['src/react.ts'], external: ['react', './index.js'] });
