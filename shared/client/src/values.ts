// What comes from outside is of whatever type.

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Milliseconds of an option in seconds. No timer is longer than that: it would overflow, and be none. */
export function milliseconds(name: string, seconds: number): number {
  if (typeof seconds !== 'number' || !(seconds > 0)) throw new RangeError(`${name} must be more than 0.`);
  return Math.min(seconds * 1000, 2 ** 31 - 1);
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that are not undefined. */
export function given<T extends object>(members: T): Given<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Given<T>;
}
