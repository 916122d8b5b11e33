import type { Admitted } from './messages.js';
import { joinToken } from './token.js';
import type { SeatOptions } from './types.js';
import { number, text } from './values.js';

export const resumableMs = 2 * 3600_000;

/** The right to a seat: its resume token, and until when the server holds the seat without a connection. */
export class Hold {
  token = '';
  endsAt: number | undefined;
  #since = 0;
  #graceSeconds = 0;

  taken(m: Admitted): void {
    this.token = text(m.resume_token);
    this.#since = Date.now();
    this.#graceSeconds = number(m.grace_seconds) ?? 0;
  }

  /** The connection is lost. */
  begins(): void {
    this.endsAt ??= this.token ? Date.now() + this.#graceSeconds * 1000 : undefined;
  }

  get leftMs(): number {
    return (this.endsAt ?? 0) - Date.now();
  }

  drop(): void {
    this.token = '';
    this.endsAt = undefined;
  }

  /** The sub-protocols of a connection: a resume token, and a join token where that may not do. */
  async protocols(options: SeatOptions, signal: AbortSignal, timeoutMs: number): Promise<string[]> {
    const now = Date.now();
    const lapsed = (this.endsAt ?? Infinity) <= now || now - this.#since > resumableMs;
    const { token } = this;
    const protocols = ['seatmeter.v1'];
    if (token) protocols.push('resume.' + token);
    if (token && !lapsed) return protocols;
    try {
      protocols.push('token.' + (await joinToken(options, signal, timeoutMs)));
    } catch (error) {
      if (!token) throw error;
    }
    return protocols;
  }
}
