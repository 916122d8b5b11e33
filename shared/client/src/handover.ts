import { resumableMs } from './hold.js';
import type { Timers } from './link.js';
import { text } from './values.js';

/** When a seat moves to a new connection. */
export class HandOver {
  readonly #timers: Timers;
  readonly #ownMs: number | undefined;
  readonly #run: () => void;
  #at = 0;

  constructor(timers: Timers, ownMs: number | undefined, run: () => void) {
    this.#timers = timers;
    this.#ownMs = ownMs;
    this.#run = run;
  }

  /** At nine tenths of the time left, so that there is time to try again. */
  plan(expiresAt: unknown): void {
    const left = Date.parse(text(expiresAt)) - Date.now();
    // A clock that is far off says nothing; the platform's two hours hold.
    let ms = this.#ownMs ?? (left > 0 && left < resumableMs ? left : resumableMs);
    ms *= 0.85 + Math.random() / 10;
    if (!this.#ownMs && Date.now() - this.#at < 60_000) ms = Math.max(ms, 60_000);
    this.#timers.set('hand over', ms, () => {
      this.#at = Date.now();
      this.#run();
    });
  }

  clear(): void {
    this.#timers.clear('hand over');
  }
}
