// Generates src/openapi.ts from the OpenAPI document; with --check, only says whether it is up to date.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

async function generate() {
  const document = JSON.parse(execFileSync(at('../../scripts/seatmeter'), ['openapi'], { maxBuffer: 1 << 25 }));
  for (const call of Object.values(document.paths).flatMap((path) => Object.values(path))) {
    if (!call.responses) continue;
    // src/api.ts makes one kind of Failure of every problem.
    call.responses = Object.fromEntries(Object.entries(call.responses).filter(([status]) => status < 400));
  }
  // The shapes alone: their meaning is in the document.
  const said = new Set(['description', 'examples', 'example', 'summary', 'externalDocs']);
  const shapes = (value) => {
    if (Array.isArray(value)) return value.map(shapes);
    if (value === null || typeof value !== 'object') return value;
    const kept = Object.entries(value).filter(([name, of]) => !said.has(name) || (typeof of === 'object' && (of.type || of.$ref)));
    return Object.fromEntries(kept.map(([name, of]) => [name, shapes(of)]));
  };
  const types = await openapiTS(shapes(document), { defaultNonNullable: false });
  return `// Generated from the OpenAPI document by \`npm run types\`.\n${astToString(types).replace(/^ *\/\*\*[^]*?\*\/\n/gm, '')}`;
}

const file = at('src/openapi.ts');
const made = await generate();
if (!process.argv.includes('--check')) {
  writeFileSync(file, made);
} else if (readFileSync(file, 'utf8') !== made) {
  console.error('src/openapi.ts is not what the OpenAPI document gives: scripts/console types');
  process.exitCode = 1;
}
