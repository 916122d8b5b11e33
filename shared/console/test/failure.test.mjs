import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { asFailure, failureOf } = await load('failure.ts');

const answer = (status, headers = {}) => new Response(null, { status, headers });
const problem = (code, more = {}) => ({ type: `urn:seatmeter:problem:${code}`, code, title: 'Title', status: 0, ...more });

for (const [what, failure, kind, retryAfterSeconds] of [
  ['an expired bearer', failureOf(answer(401), { message: 'Unauthorized' }), 'signed_out', undefined],
  ['a rate with its wait', failureOf(answer(429, { 'Retry-After': '7' }), problem('rate_limited')), 'slow_down', 7],
  ['a rate of API Gateway', failureOf(answer(429), { message: 'Too Many Requests' }), 'slow_down', 1],
  ['an outage with its wait', failureOf(answer(503, { 'Retry-After': '2' }), problem('unavailable')), 'busy', 2],
  ['an outage of API Gateway', failureOf(answer(503), { message: 'Service Unavailable' }), 'busy', 5],
  ['a failure of Seatmeter', failureOf(answer(500), problem('internal', { request_id: 'R-1' })), 'busy', 10],
  ['a lost network', asFailure(new TypeError('Failed to fetch')), 'offline', 3],
  ['a refusal', failureOf(answer(403), problem('forbidden')), 'refused', undefined],
  ['an answer that is no JSON', failureOf(answer(502), null), 'busy', 10],
]) {
  test(`${what} says what one can do`, () => {
    assert.equal(failure.kind, kind);
    assert.equal(failure.more.retryAfterSeconds, retryAfterSeconds);
    assert.ok(failure.title);
  });
}

test('a refusal names each faulty member', () => {
  const failure = failureOf(answer(422), problem('invalid', { errors: [{ pointer: '#/seats', detail: 'must be a number' }] }));
  assert.deepEqual(failure.fields, { seats: 'must be a number' });
});
