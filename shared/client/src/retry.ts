import { Backoff } from './backoff.js';
import type { Timers } from './link.js';

/** What is done again after a while. */
export class Retry {
  readonly backoff: Backoff;
  readonly #timers: Timers;
  #run: (() => void) | undefined;

  constructor(timers: Timers, policy: ((attempt: number) => number | null) | undefined) {
    this.#timers = timers;
    this.backoff = new Backoff(policy);
  }

  get planned(): boolean {
    return this.#run !== undefined;
  }

  /** One that rests is done only when hurried. */
  plan(run: () => void, ms: number, rests = false): void {
    this.clear();
    this.#run = run;
    if (!rests) this.#in(ms);
  }

  /** Does it now, or when the server allows it. */
  hurry(atMostMs = 0): void {
    if (this.#run) this.#in(Math.max(atMostMs, this.backoff.floorMs));
  }

  clear(): void {
    this.#run = undefined;
    this.#timers.clear('retry');
  }

  #in(ms: number): void {
    this.#timers.set('retry', ms, () => {
      const run = this.#run;
      this.clear();
      run?.();
    });
  }
}
