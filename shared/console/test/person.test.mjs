import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { personOf } = await load('person.ts');
const bearer = (claims) => `head.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.seal`;
const usual = { role: 'role', tenant: 'tenant' };
const cognito = { role: 'cognito:groups', tenant: 'custom:tenant' };

test('the claims that the deployment names have the role and the tenant', () => {
  assert.deepEqual(personOf(bearer({ role: 'tenant_admin', tenant: 'acme', name: 'Ann' }), usual), { role: 'tenant_admin', tenant: 'acme', name: 'Ann' });
  const claims = { 'cognito:groups': ['tenant_admin'], 'custom:tenant': 'acme', role: 'vendor', sub: 'ann' };
  assert.deepEqual(personOf(bearer(claims), cognito), { role: 'tenant_admin', tenant: 'acme', name: 'ann' });
});

test('a claim that is missing is asked for by its name', () => {
  assert.throws(() => personOf(bearer({ role: 'vendor' }), cognito), /claim “cognito:groups”/);
  assert.throws(() => personOf(bearer({ 'cognito:groups': ['vendor', 'finance'] }), cognito), /claim “cognito:groups”/);
  assert.throws(() => personOf(bearer({ 'cognito:groups': ['tenant_admin'], tenant: 'acme' }), cognito), /claim “custom:tenant”/);
});
