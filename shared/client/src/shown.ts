import { report } from './page.js';
import type { SeatChange, SeatError } from './types.js';

type Pending<T> = { resolve: (value: T) => void; reject: (why: unknown) => void };

/** The state as the page is shown it, and the page's calls that wait for another state. */
export class Shown {
  current: SeatChange = { state: 'idle' };
  readonly joins = new Set<Pending<SeatChange>>();
  readonly leaves = new Set<Pending<void>>();
  readonly #listeners = new Set<(change: SeatChange) => void>();
  #untold: SeatChange[] = [];

  on(listener: (change: SeatChange) => void): () => void {
    const own = (change: SeatChange) => listener(change); // so that one function can listen twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** A change that a listener makes is told after the one that the listener was told of. */
  show(change: SeatChange): void {
    this.current = Object.freeze(change);
    if (this.#untold.push(change) > 1) return;
    for (const next of this.#untold) for (const listener of [...this.#listeners]) {
      try {
        listener(next);
      } catch (error) {
        report(error);
      }
    }
    this.#untold = [];
  }

  settleJoins(error?: SeatError): void {
    settle(this.joins, (p) => (error ? p.reject(error) : p.resolve(this.current)));
  }

  settleLeaves(): void {
    settle(this.leaves, (p) => p.resolve());
  }
}

function settle<T>(all: Set<T>, how: (one: T) => void): void {
  const now = [...all];
  all.clear();
  now.forEach(how);
}
