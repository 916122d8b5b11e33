// Generates src/messages.ts from the AsyncAPI document; with --check, only says whether it is up to date.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

async function generate() {
  const document = JSON.parse(execFileSync(at('../../scripts/seatmeter'), ['asyncapi'], { maxBuffer: 1 << 24 }));
  const { schemas, messages } = document.components;
  const payload = (operation) => messages[operation.messages[0].$ref.split('/').at(-1)].payload;
  const of = (action) => ({ oneOf: Object.values(document.operations).filter((o) => o.action === action).map(payload) });
  // The document is the server's: it receives what clients send.
  const all = { ...schemas, ServerMessage: of('send'), ClientMessage: of('receive') };
  delete all.HandshakeQuery;
  delete all.HandshakeHeaders;
  // A name of JavaScript's own would hide it.
  all.ErrorMessage = all.Error;
  delete all.Error;
  // The shapes alone: their meaning is in the document.
  const shape = (_, value) => (value?.$ref ? { $ref: value.$ref } : typeof value?.description === 'string' ? { ...value, description: undefined } : value);
  const text = JSON.stringify({ definitions: all }, shape)
    .replaceAll('#/components/schemas/', '#/definitions/')
    .replaceAll('#/definitions/Error"', '#/definitions/ErrorMessage"');
  const code = await compile(JSON.parse(text), 'Messages', {
    additionalProperties: false,
    unreachableDefinitions: true,
    bannerComment: '// Generated from the AsyncAPI document by `npm run types`.',
    style: { singleQuote: true, printWidth: 120 },
  });
  return code
    .replace(/export interface Messages \{[^}]*\}\n/, '')
    .replace(/( \*\n)? \* This interface was referenced by .*\n \* via the `definition` .*\n/g, '')
    .replace(/\/\*\*\n \*\/\n/g, '')
    .replace(/\/\*\*\n *\* (.*)\n *\*\/\n/g, '/** $1 */\n');
}

const file = at('src/messages.ts');
const made = await generate();
if (!process.argv.includes('--check')) {
  writeFileSync(file, made);
} else if (readFileSync(file, 'utf8') !== made) {
  console.error('src/messages.ts is not what the AsyncAPI document gives: npm run types');
  process.exitCode = 1;
}
