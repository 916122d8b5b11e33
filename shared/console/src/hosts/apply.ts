// Carries out a plan: several lines at once, each safe to repeat.
import { asFailure, type Failure } from '../failure.ts';
import type { PlannedLine } from './plan.ts';

/** The calls that a plan makes. Both throw a Failure. */
export interface Calls {
  add(line: PlannedLine, idempotencyKey: string): Promise<void>;
  rename(line: PlannedLine): Promise<void>;
}

export type Result = 'done' | 'there' | { failed: string };

interface Options {
  /** Distinguishes this run, so that a repeat of a line whose answer was lost adds nothing. */
  run: string;
  signal: AbortSignal;
  progress: (line: PlannedLine, result: Result) => void;
  /** Waits before another try. */
  pause: (seconds: number) => Promise<void>;
}

/** More would be in each other’s way: all hosts of a tenant are counted in one place. */
const atOnce = 3;
const mostTries = 8;

/** Carries out the lines that add or rename. Stops when the signal says so, or when the sign-in has expired, which it throws. */
export async function apply(lines: readonly PlannedLine[], calls: Calls, options: Options): Promise<void> {
  const queue = lines.filter((line) => line.outcome === 'add' || line.outcome === 'rename').values();
  const work = async () => {
    for (const line of queue) {
      if (options.signal.aborted) return;
      options.progress(line, await carryOut(line, calls, options));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function carryOut(line: PlannedLine, calls: Calls, { run, signal, pause }: Options): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      await (line.outcome === 'add' ? calls.add(line, `hosts-${run}-${line.line}`) : calls.rename(line));
      return 'done';
    } catch (error) {
      const failure = asFailure(error);
      if (failure.kind === 'signed_out') throw failure;
      if (failure.code === 'already_exists') return 'there';
      if (failure.kind === 'refused' || tries === mostTries || signal.aborted) return { failed: inWords(failure) };
      await pause(failure.more.retryAfterSeconds ?? 1);
    }
  }
}

const inWords = (failure: Failure): string => [failure.title, failure.message, ...Object.values(failure.fields)].filter(Boolean).join(': ');
