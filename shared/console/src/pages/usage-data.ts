// Ranges of days by a tenant's calendar, limits over time, and the heat map.
import type { components } from '../openapi.ts';

type Row = components['schemas']['RowView'];
type Revision = components['schemas']['RevisionView'];

export type Granularity = 'quarter_hour' | 'hour' | 'day';

export interface Range {
  /** The first and the last day, both included, such as 2026-11-30. */
  first: string;
  last: string;
  /** The same as moments: the start of the first day, and the end of the last. */
  from: string;
  to: string;
}

const dayMillis = 86_400_000;
const dayPattern = /^\d{4}-\d{2}-\d{2}$/;

const isDay = (text: string | null): text is string => Boolean(text && dayPattern.test(text) && !Number.isNaN(Date.parse(text)));

/** The day after so many days. */
export const dayAfter = (day: string, days = 1): string => new Date(Date.parse(day) + days * dayMillis).toISOString().slice(0, 10);

export const daysOf = ({ first, last }: Range): number => (Date.parse(last) - Date.parse(first)) / dayMillis + 1;

const clocks = new Map<string, Intl.DateTimeFormat>();

/** What a zone's clock shows at a moment, as if that were UTC. */
function clock(millis: number, zone: string): Date {
  let format = clocks.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    });
    clocks.set(zone, format);
  }
  const part = Object.fromEntries(format.formatToParts(millis).map(({ type, value }) => [type, Number(value)]));
  return new Date(Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute, part.second));
}

export const dayAt = (millis: number, zone: string): string => clock(millis, zone).toISOString().slice(0, 10);

/** When a day begins by a zone's clock. */
export function startOf(day: string, zone: string): Date {
  const midnight = Date.parse(day);
  let at = midnight;
  for (let n = 0; n < 2; n++) at = midnight - (clock(at, zone).getTime() - at); // the offset may differ at the first guess
  return new Date(at);
}

/** The range of an address's query; without one, the last `days` days. */
export function rangeOf(query: URLSearchParams, zone: string, now: number, days: number): Range {
  const today = dayAt(now, zone);
  const last = isDay(query.get('to')) ? query.get('to')! : today;
  const first = isDay(query.get('from')) ? query.get('from')! : dayAfter(last, 1 - days);
  return { first, last, from: startOf(first, zone).toISOString(), to: startOf(dayAfter(last), zone).toISOString() };
}

/** The most detail that a chart of so many days can show. */
export const granularityOf = (days: number): Granularity => (days <= 2 ? 'quarter_hour' : days <= 62 ? 'hour' : 'day');

export const limitOf = (license: Pick<Revision, 'model' | 'seats' | 'participants_per_conference'>): number =>
  (license.model === 'named' ? license.participants_per_conference : license.seats) ?? 0;

export type Model = Revision['model'];

/** What is compared with the limit: the tenant's connections, or under a named license the participants of the fullest conference. */
export const peakOf = (row: Row, model: Model): number => (model === 'named' ? row.peak_participants : row.peak);

/** The limit at each row's start; null while another model was in force. Revisions are in order. */
export function limitsOf(rows: readonly Row[], revisions: readonly Revision[], model: Model): (number | null)[] {
  let n = 0;
  return rows.map((row) => {
    while (n + 1 < revisions.length && Date.parse(revisions[n + 1]!.changed_at) <= Date.parse(row.from)) n++;
    const now = revisions[n];
    return now?.model === model ? limitOf(now) : null;
  });
}

export const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;

/** The highest peak of each hour of each weekday, from Monday. */
export function heatOf(rows: readonly Row[], zone: string, model: Model): number[][] {
  const heat = weekdays.map(() => Array.from({ length: 24 }, () => 0));
  for (const row of rows) {
    const at = clock(Date.parse(row.from), zone);
    const day = heat[(at.getUTCDay() + 6) % 7]!;
    day[at.getUTCHours()] = Math.max(day[at.getUTCHours()]!, peakOf(row, model));
  }
  return heat;
}

/** How many refusals there were for each reason, the most first. */
export function refusalsOf(rows: readonly Row[]): [code: string, count: number][] {
  const sums = new Map<string, number>();
  for (const row of rows) for (const [code, n] of Object.entries(row.refusals)) sums.set(code, (sums.get(code) ?? 0) + n);
  return [...sums].sort((a, b) => b[1] - a[1]);
}
