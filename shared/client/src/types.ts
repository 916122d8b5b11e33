import type { SocketClass } from './link.js';
import type { ProblemCode } from './messages.js';

export interface SeatOptions {
  /** The WebSocket API, such as `wss://….amazonaws.com/prod`. A join token's `url` will do. */
  url: string | URL;
  /** Gives a join token. Asked anew for each attempt that needs one; null gives up. */
  getToken: (context: { signal: AbortSignal }) => string | null | undefined | Promise<string | null | undefined>;
  /** Queue for a seat if none is free, and wait for a conference that is not live. Default: false. */
  wait?: boolean;
  /** Default: the global WebSocket, which Node.js has from version 22. */
  WebSocket?: SocketClass;
  /** Milliseconds to wait before the given attempt, from 1 on, or null to give up. */
  retry?: (attempt: number) => number | null;
  /** How often to ping, at the most. The server may ask for it more often. Default: 120. */
  pingSeconds?: number;
  /** For how long to wait for a token, an open connection, or an answer. Default: 15. */
  timeoutSeconds?: number;
  /** How long a connection lasts on the platform. Default: as the server says, which is two hours. */
  connectionSeconds?: number;
}

/** Where a seat is. Times are milliseconds since 1970, retryAfter is in seconds. */
export type SeatChange =
  | { readonly state: 'idle' | 'lobby' | 'closed' }
  | { readonly state: 'connecting'; readonly attempt: number; readonly retryAt?: number; readonly error?: unknown }
  | {
      readonly state: 'queued'; readonly connectionId: string; readonly conference: string;
      /** 1 is next. */
      readonly position: number; readonly since: string;
    }
  | {
      readonly state: 'seated'; readonly connectionId: string; readonly conference: string;
      readonly limit: number; readonly inUse: number;
    }
  | {
      readonly state: 'reconnecting'; readonly attempt: number; readonly retryAt?: number; readonly error?: unknown;
      /** Until when the seat is held; absent without one. */
      readonly graceEndsAt?: number;
    }
  | {
      readonly state: 'refused'; readonly code: ProblemCode; readonly detail: string;
      /** Whether it asks again by itself. */
      readonly retrying: boolean;
      readonly retryAfter?: number; readonly limit?: number; readonly inUse?: number; readonly conference?: string;
    }
  | { readonly state: 'ended' | 'removed'; readonly detail: string };

export type SeatState = SeatChange['state'];

/** Why a join came to nothing. */
export class SeatError extends Error {
  override readonly name = 'SeatError';
  readonly detail: string;
  constructor(
    readonly code: ProblemCode | 'removed' | 'left' | 'closed',
    detail: string,
    /** The state that it ended in. */
    readonly change?: SeatChange,
  ) {
    super(detail);
    this.detail = detail;
  }
}

export interface Seat {
  readonly state: SeatState;
  /** All that is known of the state. A new object for each change. */
  readonly current: SeatChange;
  /** Settles when there is a seat, or with a SeatError when there will be none. */
  join(options?: { signal?: AbortSignal | undefined; wait?: boolean | undefined }): Promise<SeatChange>;
  /** Gives the seat or the place in the queue back, and stays in the lobby. */
  leave(): Promise<void>;
  /** Gives all back and disconnects, for good unless join or reconnect is called. */
  close(): void;
  /** Connects anew at once, whatever the state; a seat is kept. */
  reconnect(): void;
  /** Calls the listener after each change; gives what stops that. */
  on(event: 'change', listener: (change: SeatChange) => void): () => void;
}
