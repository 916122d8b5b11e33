import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { bodyOf, termsOf } = await load('pages/license-terms.ts');

const concurrent = {
  tenant: 'acme', model: 'concurrent', seats: 25, status: 'active', overage: 'deny', time_zone: 'Europe/Berlin', starts_at: '2026-01-01T00:00:00.123Z',
  reconnect_grace_seconds: 30, queue_limit: 1000, alert_percents: [80, 90, 100], host_absent_minutes: 15, of_a_later_version: [80, 90],
};

test('a license that is not touched is written back as it was read', () => {
  assert.deepEqual(bodyOf(termsOf(concurrent), concurrent), concurrent);
});

test('members of the other model are left out', () => {
  const body = bodyOf({ ...termsOf(concurrent), model: 'named', hosts: 5, participants_per_conference: 25 }, concurrent);
  assert.ok(!('seats' in body));
  assert.equal(body.hosts, 5);
  assert.ok(!('host_changes_per_month' in body));
});

test('changes of hosts that follow the hosts go on to follow', () => {
  const named = { tenant: 'acme', model: 'named', hosts: 5, participants_per_conference: 25, host_changes_per_month: 5, host_changes_follow_hosts: true };
  const body = bodyOf({ ...termsOf(named), hosts: 7 }, named);
  assert.ok(!('host_changes_per_month' in body) && !('host_changes_follow_hosts' in body));
});

test('percentages are read however they are typed, and none are an empty list', () => {
  const typed = (text) => bodyOf({ ...termsOf(concurrent), alert_percents: text }, concurrent).alert_percents;
  assert.deepEqual(typed(' 50 %, 110;200 '), [50, 110, 200]);
  assert.deepEqual(typed(''), []);
});

test('a burst belongs to overage alone', () => {
  const terms = { ...termsOf(concurrent), burst: 3 };
  assert.ok(!('burst' in bodyOf(terms, concurrent)));
  assert.equal(bodyOf({ ...terms, overage: 'allow' }, concurrent).burst, 3);
});

test('an emptied time and emptied origins are left out', () => {
  const read = { ...concurrent, allowed_origins: ['https://meet.example.com'] };
  const body = bodyOf({ ...termsOf(read), starts_at: '', allowed_origins: ' \n' }, read);
  assert.ok(!('starts_at' in body) && !('allowed_origins' in body));
});
