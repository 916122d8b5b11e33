// What differs between two statements.
import type { components } from '../openapi.ts';

type Statement = components['schemas']['Statement'];
type Figures = components['schemas']['Figures'];

export const figures = [
  ['peak', 'Peak'], ['peak_hosts', 'Peak of hosts'], ['peak_participants', 'Peak of participants'], ['seat_ms', 'Seat time (ms)'], ['overage_ms', 'Overage (ms)'],
  ['joins', 'Joins'], ['refused', 'Refused'], ['identities', 'People'], ['hosts', 'Hosts'], ['conferences', 'Conferences'], ['estimated_ms', 'Estimated (ms)'],
] as const satisfies readonly (readonly [keyof Figures, string])[];

export interface Difference { name: string; before: number | undefined; now: number | undefined }

/** Each figure of the totals, of an earlier statement and of this one. */
export function compare(before: Statement, now: Statement): Difference[] {
  return figures.map(([member, name]) => ({ name, before: before.totals[member], now: now.totals[member] }));
}

/** The days of this statement whose figures differ from those of another revision of the same month. */
export function changedDays(before: Statement, now: Statement): Figures[] {
  const was = new Map(before.days.map((day) => [day.from, JSON.stringify(day)]));
  return now.days.filter((day) => was.get(day.from) !== JSON.stringify(day));
}
