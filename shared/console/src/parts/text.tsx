// Numbers and times as people read them.

export const count = (n: number): string => n.toLocaleString('en');

/** A number with its noun: 1 seat, 2 seats. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

const sameDay = (a: Date, b: Date) => a.toDateString() === b.toDateString();

/** A time, here and exactly: 14:05 today, or with its date. */
export function Time({ at }: { at: string }) {
  const date = new Date(at);
  const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };
  const text = sameDay(date, new Date())
    ? date.toLocaleTimeString('en-GB', clock)
    : date.toLocaleString('en-GB', { day: 'numeric', month: 'short', year: 'numeric', ...clock });
  return <time dateTime={at} title={at}>{text}</time>;
}

/** How long: 3 h 5 min. */
export function duration(millis: number): string {
  const minutes = Math.floor(millis / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(millis / 1000))} s`;
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
