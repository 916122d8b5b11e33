// Lints the OpenAPI and the AsyncAPI document of the API whose address is given: by Redocly, by Spectral and by
// AsyncAPI's own parser. A warning counts as an error.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import asyncapi from '@asyncapi/parser';
import core from '@stoplight/spectral-core';
import parsers from '@stoplight/spectral-parsers';
import rulesets from '@stoplight/spectral-rulesets';

const [api] = process.argv.slice(2);
const warning = 1; // of 0 error, 1 warning, 2 information, 3 hint
let failed = false;

async function read(path) {
  const answer = await fetch(api + path);
  if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`);
  return answer.text();
}

function report(tool, findings) {
  const faults = findings.filter((f) => f.severity <= warning);
  for (const f of faults) console.error(`${tool}: ${f.path.join('.')}: ${f.message} (${f.code})`);
  console.log(`${tool}: ${faults.length} faults`);
  failed ||= faults.length > 0;
}

// Nobody is named whom to ask: an operator's document would.
const nobody = { 'info-contact': 'off', 'asyncapi-info-contact': 'off' };

async function spectral(name, text, rules) {
  const linter = new core.Spectral();
  const off = Object.fromEntries(Object.entries(nobody).filter(([rule]) => rule in rules.rules));
  linter.setRuleset({ extends: [rules], rules: off });
  report(`Spectral on ${name}`, await linter.run(new core.Document(text, parsers.Json, name)));
}

function redocly(text) {
  const folder = mkdtempSync(join(tmpdir(), 'seatmeter-'));
  try {
    const file = join(folder, 'openapi.json');
    writeFileSync(file, text);
    execFileSync(process.execPath, ['node_modules/@redocly/cli/bin/cli.js', 'lint', '--extends=recommended-strict', file], {
      cwd: new URL('.', import.meta.url),
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      stdio: 'pipe',
    });
    console.log('Redocly on openapi.json: 0 faults');
  } catch (error) {
    console.error(String(error.stdout) + String(error.stderr));
    failed = true;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [openapi, messages] = await Promise.all([read('/v1/openapi.json'), read('/v1/asyncapi.json')]);
redocly(openapi);
await spectral('openapi.json', openapi, rulesets.oas);
await spectral('asyncapi.json', messages, rulesets.asyncapi);
report('The AsyncAPI parser', (await new asyncapi.Parser().parse(messages)).diagnostics);
process.exitCode = failed ? 1 : 0;
