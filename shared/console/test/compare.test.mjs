import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { changedDays, compare } = await load('pages/statement-compare.ts');

const day = (from, joins) => ({ from, joins });
const statement = (peak, ...days) => ({ totals: { peak, joins: days.reduce((sum, d) => sum + d.joins, 0) }, days });

test('each figure stands beside that of the other statement', () => {
  const list = compare(statement(3, day('a', 1)), statement(5, day('a', 1), day('b', 2)));
  assert.deepEqual(list.find((d) => d.name === 'Peak'), { name: 'Peak', before: 3, now: 5 });
  assert.deepEqual(list.find((d) => d.name === 'Joins'), { name: 'Joins', before: 1, now: 3 });
});

test('the days that a revision corrects are found', () => {
  const days = changedDays(statement(3, day('a', 1), day('b', 2)), statement(3, day('a', 1), day('b', 3)));
  assert.deepEqual(days.map((d) => d.from), ['b']);
});
