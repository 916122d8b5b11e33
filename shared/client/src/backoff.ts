import { report } from './page.js';

const capMs = 30_000;
const heldCapMs = 8_000;
const longestFloorMs = 3600_000;

/** How long to wait before the next attempt. */
export class Backoff {
  attempt = 0;
  readonly #policy: ((attempt: number) => number | null) | undefined;
  /** How long from when on there is no retry, since the server said so. */
  #floor = { from: 0, ms: 0 };

  constructor(policy: ((attempt: number) => number | null) | undefined) {
    this.#policy = policy;
  }

  reset(): void {
    this.attempt = this.#floor.ms = 0;
  }

  /** The server wants no attempt before that. */
  atLeast(seconds: number): void {
    this.#floor = { from: Date.now(), ms: Math.min(seconds * 1000, longestFloorMs) };
  }

  get floorMs(): number {
    const { from, ms } = this.#floor;
    return Math.max(0, ms - Math.max(0, Date.now() - from)); // a clock that is set back starts it anew
  }

  /** Milliseconds, or null to give up. heldMs is for how long a seat is still held; atOnce, that there is a place to keep. */
  next(heldMs: number, atOnce: boolean): number | null {
    const attempt = ++this.attempt;
    let ms: number | null = capMs;
    try {
      ms = this.#policy ? this.#policy(attempt) : ownPolicy(attempt, heldMs, atOnce);
    } catch (error) {
      report(error);
    }
    if (ms === null) return null;
    // A policy that gives no number, as where its list ends, must not make a storm.
    return this.floorMs + (ms >= 0 ? ms : capMs);
  }
}

/**
 * At once, then by full jitter. While a seat is held, the windows are a quarter of what is left of the grace: clients
 * that were cut off together come back evenly, and few come too late. Windows that double would do neither.
 */
function ownPolicy(attempt: number, heldMs: number, atOnce: boolean): number {
  if (attempt === 1 && (heldMs > 0 || atOnce)) return 0;
  return Math.random() * (heldMs > 0 ? Math.max(1000, Math.min(heldCapMs, heldMs / 4)) : Math.min(capMs, 500 * 2 ** attempt));
}
