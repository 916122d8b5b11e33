// The example of a receiver of webhooks.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { load } from './load.mjs';

const { createReceiver, handle } = await load('../../webhook/example/receiver.ts');

const secret = 'whsec_c2VhdG1ldGVyIHNlYXRtZXRlciBzZWF0bWV0ZXI=';
const event = { specversion: '1.0', id: 'changed_1', source: '/tenants/acme', type: 'seatmeter.license.changed', time: '2026-11-30T12:00:00.000Z', data: { revision: 2 } };

async function receiver(t) {
  const got = [];
  const server = createReceiver(secret, (one) => got.push(one)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  /** Sends an event, as Seatmeter does. */
  const send = async (body = JSON.stringify(event), { at = new Date(), by = secret, ...headers } = {}) => {
    const signature = new Webhook(by).sign(event.id, at, body);
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, {
      method: 'POST', body, headers: { 'webhook-id': event.id, 'webhook-timestamp': String(Math.floor(at / 1000)), 'webhook-signature': signature, ...headers },
    });
    return answer.status;
  };
  return { got, send, server };
}

test('the example receiver takes an event once, however often it comes', async (t) => {
  const { got, send } = await receiver(t);
  assert.deepEqual([await send(), await send()], [204, 204]);
  assert.deepEqual(got, [event]);
});

test('the example receiver takes a call that one of two secrets signed', async (t) => {
  const { got, send } = await receiver(t);
  const body = JSON.stringify(event), at = new Date();
  const both = ['whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=', secret].map((one) => new Webhook(one).sign(event.id, at, body)).join(' ');
  assert.equal(await send(body, { at, 'webhook-signature': both }), 204);
  assert.equal(got.length, 1);
});

test('the example receiver refuses calls that are not genuine', async (t) => {
  const { got, send } = await receiver(t);
  const body = JSON.stringify(event);
  for (const [what, headers] of [
    ['another secret', { by: 'whsec_b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=' }],
    ['a call of six minutes ago', { at: new Date(Date.now() - 360_000) }],
    ['a call of the future', { at: new Date(Date.now() + 360_000) }],
    ['another id', { 'webhook-id': 'changed_2' }],
    ['no signature', { 'webhook-signature': '' }],
  ]) {
    assert.equal(await send(body, headers), 401, what);
  }
  assert.equal(await send(JSON.stringify({ ...event, data: 'x'.repeat(70_000) })), 401);
  assert.deepEqual(got, []);
});

test('the example receiver knows a type, and leaves a new one alone', (t) => {
  const said = t.mock.method(console, 'log', () => {});
  handle(event);
  handle({ ...event, type: 'seatmeter.something.new' });
  assert.deepEqual(said.mock.calls.map((call) => call.arguments), [['/tenants/acme: revision 2 of the license']]);
});
