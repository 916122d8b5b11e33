// Imports modules of the console, and others in TypeScript, that need no browser.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export async function load(...paths) {
  const { outputFiles: [file] } = await build({
    stdin: { contents: paths.map((path) => `export * from './${path}';`).join('\n'), resolveDir: fileURLToPath(new URL('../src', import.meta.url)) },
    bundle: true, format: 'esm', platform: 'node', write: false, nodePaths: [fileURLToPath(new URL('../node_modules', import.meta.url))],
  });
  return import(`data:text/javascript;base64,${Buffer.from(file.contents).toString('base64')}`);
}
