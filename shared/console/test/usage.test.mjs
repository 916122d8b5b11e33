import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { granularityOf, heatOf, limitsOf, rangeOf, refusalsOf, startOf } = await load('pages/usage-data.ts');

for (const [day, zone, starts] of [
  ['2026-11-30', 'UTC', '2026-11-30T00:00:00.000Z'],
  ['2026-11-30', 'Europe/Berlin', '2026-11-29T23:00:00.000Z'],
  ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
  ['2026-03-30', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
  ['2026-10-26', 'Europe/Berlin', '2026-10-25T23:00:00.000Z'],
  ['2026-11-30', 'Asia/Kathmandu', '2026-11-29T18:15:00.000Z'],
  ['2026-11-30', 'America/St_Johns', '2026-11-30T03:30:00.000Z'],
]) {
  test(`${day} begins in ${zone} at ${starts}`, () => assert.equal(startOf(day, zone).toISOString(), starts));
}

const noon = Date.parse('2026-11-30T12:00:00Z');
const rangeFor = (text) => rangeOf(new URLSearchParams(text), 'Europe/Berlin', noon, 30);

test('a range includes its last day', () => {
  assert.deepEqual(rangeFor('from=2026-11-01&to=2026-11-02'), {
    first: '2026-11-01', last: '2026-11-02', from: '2026-10-31T23:00:00.000Z', to: '2026-11-02T23:00:00.000Z',
  });
});

test('without a range the last days are shown', () => {
  for (const text of ['', 'from=yesterday&to=now', 'from=2026-13-40']) {
    const { first, last } = rangeFor(text);
    assert.deepEqual([first, last], ['2026-11-01', '2026-11-30'], text);
  }
});

test('long ranges have coarser rows', () => {
  assert.deepEqual([1, 2, 3, 62, 63, 1100].map(granularityOf), ['quarter_hour', 'quarter_hour', 'hour', 'hour', 'day', 'day']);
});

test('each row has the limit that was in force as it began', () => {
  const revisions = [
    { changed_at: '2026-11-05T00:00:00.000Z', model: 'concurrent', seats: 5 },
    { changed_at: '2026-11-07T00:00:00.000Z', model: 'concurrent', seats: 9 },
    { changed_at: '2026-11-08T12:00:00.000Z', model: 'named', participants_per_conference: 25 },
  ];
  const rows = ['04', '06', '07', '08', '09'].map((day) => ({ from: `2026-11-${day}T00:00:00.000Z` }));
  assert.deepEqual(limitsOf(rows, revisions, 'concurrent'), [5, 5, 9, 9, null]);
  assert.deepEqual(limitsOf(rows, revisions, 'named'), [null, null, null, null, 25]);
});

test('the heat map has the highest peak of an hour by the clock of the zone', () => {
  const heat = heatOf([
    { from: '2026-11-29T23:30:00.000Z', peak: 3 }, // Monday, 0:30 in Berlin
    { from: '2026-11-29T23:00:00.000Z', peak: 7 },
    { from: '2026-11-29T22:45:00.000Z', peak: 2 },
  ], 'Europe/Berlin', 'concurrent');
  assert.equal(heat[0][0], 7);
  assert.equal(heat[6][23], 2);
  assert.equal(heat.flat().filter(Boolean).length, 2);
});

test('refusals are summed by reason, the most first', () => {
  assert.deepEqual(refusalsOf([{ refusals: { a: 1 } }, { refusals: { a: 1, b: 5 } }, { refusals: {} }]), [['b', 5], ['a', 2]]);
});
