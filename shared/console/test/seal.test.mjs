import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { canonical, sealOf } = await load('pages/seal.ts');

test('the numbers, texts and order of canonical JSON are those of RFC 8785', () => {
  assert.equal(canonical({ '\u20ac': 1, '\r': [null, true], '1': 1e21, a: 'é\u0007"' }), '{"\\r":[null,true],"1":1e+21,"a":"é\\u0007\\"","€":1}');
});

test('an altered statement has another seal', async () => {
  const statement = { period: '2026-10', totals: { peak: 4 } };
  const seal = await sealOf(statement);
  assert.match(seal, /^[0-9a-f]{64}$/);
  assert.equal(await sealOf({ sha256: seal, totals: { peak: 4 }, period: '2026-10' }), seal);
  assert.equal(await sealOf({ ...statement, stale: true, difference: { joins: 1 } }), seal, 'what came in since is no part of it');
  assert.notEqual(await sealOf({ ...statement, totals: { peak: 5 } }), seal);
});
