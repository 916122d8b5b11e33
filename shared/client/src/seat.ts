import { Backoff } from './backoff.js';
import { giveBack, Link, type SocketClass, type SocketLike, Timers } from './link.js';
import type { Admitted, ErrorMessage, ProblemCode, Queued, Refused, ServerMessage } from './messages.js';
import { hidden, listen, report } from './page.js';
import { joinToken } from './token.js';
import { type Seat, type SeatChange, SeatError, type SeatOptions, type SeatState } from './types.js';
import { given, number, text } from './values.js';

type Pending<T> = { resolve: (value: T) => void; reject: (why: unknown) => void };
/** A connection on its way: the first, one after a loss, or the one to hand over to. */
type Trial = { abort: AbortController; link?: Link };

const stableMs = 10_000;
const resumableMs = 2 * 3600_000;
const transient: readonly string[] = ['rate_limited', 'unavailable', 'internal'];

/** Makes a seat. Nothing is connected before join. */
export function createSeat(options: SeatOptions): Seat {
  return new Machine(options);
}

class Machine implements Seat {
  readonly #options: SeatOptions;
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #backoff: Backoff;
  readonly #timers = new Timers();
  readonly #listeners = new Set<(change: SeatChange) => void>();
  readonly #joins = new Set<Pending<SeatChange>>();
  readonly #leaves = new Set<Pending<void>>();
  #now: SeatChange = { state: 'idle' };
  #goal: 'none' | 'lobby' | 'seat' = 'none';
  #wait: boolean;
  #link: Link | undefined;
  #trial: Trial | undefined;
  #resume = '';
  #resumeAt = 0;
  #graceSeconds = 0;
  #graceEndsAt: number | undefined;
  #retry: (() => void) | undefined;
  /** What the old connection was told while handing over: perhaps only that the new one has the seat. */
  #removed: string | undefined;
  #handedOverAt = 0;

  constructor(options: SeatOptions) {
    this.#options = options;
    this.#wait = options.wait ?? false;
    this.#timeoutMs = (options.timeoutSeconds ?? 15) * 1000;
    this.#backoff = new Backoff(options.retry);
    this.#url = new URL(options.url);
    for (const name of ['token', 'resume', 'wait']) this.#url.searchParams.delete(name);
    this.#url.searchParams.set('lobby', 'true');
  }

  get state(): SeatState {
    return this.#now.state;
  }

  get current(): SeatChange {
    return this.#now;
  }

  on(_: 'change', listener: (change: SeatChange) => void): () => void {
    const own = (change: SeatChange) => listener(change); // so that one function can listen twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  join({ signal, wait }: { signal?: AbortSignal | undefined; wait?: boolean | undefined } = {}): Promise<SeatChange> {
    const joined = new Promise<SeatChange>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.#wait = wait ?? this.#options.wait ?? false;
      this.#goal = 'seat';
      if (this.state === 'seated' && this.#link?.asked !== 'leave') return resolve(this.#now);
      const done = <T>(settle: (value: T) => void) => (value: T) => {
        signal?.removeEventListener('abort', abort);
        settle(value);
      };
      const pending = { resolve: done(resolve), reject: done(reject) };
      const abort = () => {
        this.#joins.delete(pending);
        pending.reject(signal!.reason);
        if (!this.#joins.size) void this.leave();
      };
      signal?.addEventListener('abort', abort);
      this.#joins.add(pending);
      this.#advance();
    });
    joined.catch(() => {}); // who does not wait for it has on('change')
    return joined;
  }

  leave(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#goal === 'none') return resolve();
      this.#goal = 'lobby';
      this.#settleJoins(new SeatError('left', 'The seat was given up.'));
      this.#leaves.add({ resolve, reject });
      const link = this.#link;
      if (!link && !this.#resume) this.#stop({ state: 'idle' });
      else if (link && !link.asked) {
        if (this.state === 'seated' || this.state === 'queued') link.ask('leave');
        else this.#toLobby(link);
      } // else an answer is on its way, or a connection that gives back the seat held for it
    });
  }

  close(): void {
    this.#stop({ state: 'closed' });
  }

  reconnect(): void {
    if (this.#goal !== 'lobby') this.#goal = 'seat';
    if (this.state === 'queued' && this.#link) return this.#link.ping(); // a new one would be the last in the queue
    this.#backoff.reset();
    if (!this.#resume) this.#drop('link');
    void this.#connect();
  }

  /** Does what the goal needs next, unless that is on its way. */
  #advance(): void {
    if (this.#trial || this.#link?.asked) return;
    if (this.#retry) return this.#hurry();
    if (!this.#link) return void this.#connect();
    if (this.state === 'queued') return;
    if (this.state !== 'lobby') this.#show({ state: 'lobby' });
    this.#join(this.#link);
  }

  #join(link: Link): void {
    link.ask('join', this.#wait ? { wait: true } : {});
  }

  // --- connecting ---

  async #connect(error?: unknown): Promise<void> {
    this.#clearRetry();
    this.#drop('trial');
    const trial: Trial = (this.#trial = { abort: new AbortController() });
    listen(this.#woken);
    if (!this.#link) this.#showConnecting(error);
    try {
      const Socket = this.#options.WebSocket ?? (globalThis as { WebSocket?: SocketClass }).WebSocket;
      if (!Socket) throw new SeatError('invalid', 'There is no WebSocket here: give one as an option.');
      const protocols = await this.#protocols(trial.abort.signal);
      if (trial !== this.#trial) return;
      trial.link = new Link(open(Socket, this.#url.href, protocols), this.#events, this.#timeoutMs, this.#resume !== '');
    } catch (failure) {
      if (trial !== this.#trial) return;
      if (failure instanceof SeatError) this.#refuse({ type: 'refused', code: failure.code as ProblemCode, detail: failure.detail });
      else this.#failed(failure);
    }
  }

  /** A resume token, and a join token where that may not do. */
  async #protocols(signal: AbortSignal): Promise<string[]> {
    const now = Date.now();
    const lapsed = (this.#graceEndsAt ?? Infinity) <= now || now - this.#resumeAt > resumableMs;
    const protocols = ['seatmeter.v1'];
    if (this.#resume) protocols.push('resume.' + this.#resume);
    if (this.#resume && !lapsed) return protocols;
    try {
      protocols.push('token.' + (await joinToken(this.#options, signal, this.#timeoutMs)));
    } catch (error) {
      if (!this.#resume) throw error;
    }
    return protocols;
  }

  readonly #events = {
    opened: (link: Link) => {
      if (this.#goal === 'lobby') {
        if (link.resumes) link.ask('leave');
        else this.#toLobby(link);
      } else if (this.#link || this.#removed !== undefined) {
        link.ask('status'); // not join: a seat is held already, or is not to be taken
      } else {
        if (this.state === 'connecting') this.#show({ state: 'lobby' });
        this.#join(link);
      }
    },
    heard: (link: Link, message: ServerMessage) => this.#heard(link, message),
    lost: (link: Link, why: string) => {
      if (link === this.#trial?.link) return this.#failed(why);
      this.#link = undefined;
      this.#timers.clear('hand over');
      if (this.#goal === 'none') return; // refused, and was only waiting in the lobby
      this.#holdBegins();
      if (Date.now() - link.openedAt > stableMs) this.#backoff.attempt = 0;
      if (this.#trial) this.#showConnecting(why); // the new one is on its way
      else this.#again(() => void this.#connect(why), why);
    },
  };

  #holdBegins(): void {
    this.#graceEndsAt ??= this.#resume ? Date.now() + this.#graceSeconds * 1000 : undefined;
  }

  #failed(why: unknown): void {
    this.#trial = undefined;
    this.#again(() => void this.#connect(why), why);
  }

  /** Connects once more, or does something else, after a while. */
  #again(run: () => void, error?: unknown): void {
    const ms = this.#plan(run);
    if (this.#link) return;
    if (ms !== null) this.#showConnecting(error, Date.now() + ms);
    else this.#refuse({ type: 'refused', code: 'unavailable', detail: 'The server could not be reached.' });
  }

  /** Does something after a while; null: not at all. */
  #plan(run: () => void): number | null {
    const ms = this.#backoff.next((this.#graceEndsAt ?? 0) - Date.now(), this.state === 'queued');
    if (ms === null) return null;
    this.#retry = run;
    if (!this.#rests()) this.#timers.set('retry', ms, () => this.#runRetry());
    return ms;
  }

  #runRetry(): void {
    const run = this.#retry;
    this.#clearRetry();
    run?.();
  }

  #clearRetry(): void {
    this.#retry = undefined;
    this.#timers.clear('retry');
  }

  /** Retries now, or when the server allows it. */
  #hurry(): void {
    if (this.#retry) this.#timers.set('retry', this.#backoff.floorMs, () => this.#runRetry());
  }

  /** A hidden page retries only for a seat, or a place in the queue, that it had. */
  #rests(): boolean {
    return hidden() && !this.#resume && this.state !== 'queued' && this.state !== 'reconnecting';
  }

  readonly #woken = (event: Event) => {
    if (this.#rests() || (hidden() && event.type === 'visibilitychange')) return;
    this.#hurry();
    this.#link?.ping();
  };

  // --- what the server says ---

  #heard(link: Link, message: ServerMessage): void {
    switch (message.type) {
      case 'admitted':
      case 'queued':
        if (link.asked === 'leave') return; // it crossed the leave, whose answer follows
        // A position can be overtaken by the seat.
        if (message.type === 'queued' && this.state === 'seated' && link === this.#link) return;
        if (this.#goal !== 'seat') return link.ask('leave');
        link.answered();
        return message.type === 'queued' ? this.#queued(link, message) : this.#seated(link, message);
      case 'lobby':
        return this.#lobby(link);
      case 'refused':
      case 'error':
        return this.#denied(link, message);
      case 'conference_live':
        if (this.#now.state !== 'refused' || this.#now.code !== 'conference_not_live') return;
        // Not all at once: everybody in the lobby has heard it.
        if (this.#retry) return this.#timers.set('retry', Math.random() * 1000, () => this.#runRetry());
        this.#goal = 'lobby';
        return this.#toLobby(link);
      case 'conference_ended':
        return this.#stop({ state: 'ended', detail: 'The conference has ended.' });
      case 'removed':
        if (link !== this.#link || !this.#trial?.link) return this.#stop({ state: 'removed', detail: text(message.detail) });
        this.#removed = text(message.detail);
        this.#drop('link');
        this.#holdBegins();
    }
  }

  #seated(link: Link, m: Admitted): void {
    this.#adopt(link);
    this.#resume = text(m.resume_token);
    this.#resumeAt = Date.now();
    this.#graceSeconds = number(m.grace_seconds) ?? 0;
    link.pingEvery(Math.min(this.#pingMs(), Math.max(1000, (number(m.ping_within_seconds) || 540) * 900)));
    this.#planHandOver(m.expires_at);
    this.#show({
      state: 'seated', connectionId: text(m.connection_id), conference: text(m.conference),
      limit: number(m.limit) ?? 0, inUse: number(m.in_use) ?? 0,
    });
    this.#settleJoins();
  }

  #queued(link: Link, m: Queued): void {
    this.#adopt(link);
    this.#resume = ''; // the place ends with the connection
    link.pingEvery(this.#pingMs());
    const position = number(m.position) ?? 0;
    const since = text(m.since);
    if (this.#now.state === 'queued' && this.#now.position === position && this.#now.since === since) return;
    this.#show({ state: 'queued', position, since, connectionId: text(m.connection_id), conference: text(m.conference) });
  }

  #lobby(link: Link): void {
    const { asked } = link;
    link.answered();
    if (asked === 'leave' || (asked && this.#goal === 'lobby')) return this.#toLobby(link);
    if (asked === 'status' && this.#removed !== undefined) return this.#stop({ state: 'removed', detail: this.#removed });
    if (asked === 'status' && this.#link) { // the seat stays with the old one
      this.#drop('trial', giveBack);
      return this.#again(() => void this.#connect());
    }
    if (asked === 'status') this.#join(link);
    // A join is not answered like this, unless the server is out of order.
    else if (asked === 'join') this.#denied(link, { type: 'error', code: 'unavailable', detail: 'The server answered a join by the lobby.' });
  }

  #toLobby(link: Link): void {
    this.#adopt(link);
    this.#resume = '';
    this.#clearRetry();
    this.#timers.clear('hand over');
    link.pingEvery(this.#pingMs());
    if (this.state !== 'lobby') this.#show({ state: 'lobby' });
    settle(this.#leaves, (p) => p.resolve());
    if (this.#goal === 'seat' && !link.asked) this.#join(link);
  }

  /** An answer that is a refusal, or one to a waiter whose turn it was. */
  #denied(link: Link, m: Refused | ErrorMessage): void {
    const { asked } = link;
    if (!asked && !(m.type === 'refused' && this.state === 'queued')) return;
    link.answered();
    if (asked === 'leave' && m.type === 'error') {
      if (this.#plan(() => this.#link?.ask('leave')) === null) this.#stop({ state: 'idle' }); // the close gives it back
      return;
    }
    if (this.#goal === 'lobby') return this.#toLobby(link);
    if (asked === 'status') { // nothing is known of the new one
      this.#drop('trial');
      return this.#failed(text(m.detail));
    }
    this.#adopt(link);
    this.#refuse(m);
  }

  #refuse(m: Refused | ErrorMessage): void {
    this.#clearRetry();
    this.#trial = undefined;
    const had = this.state === 'reconnecting' || this.state === 'seated';
    const code = text(m.code) as ProblemCode;
    const retryAfter = number(m.retry_after_seconds);
    if (retryAfter) this.#backoff.atLeast(retryAfter);
    const refused = (retrying: boolean): SeatChange => ({
      state: 'refused', code, detail: text(m.detail), retrying,
      ...given({ retryAfter, limit: number(m.limit), inUse: number(m.in_use), conference: text(m.conference) || undefined }),
    });
    if (this.#link && transient.includes(code) && this.#plan(() => this.#advance()) !== null) return this.#show(refused(true));
    if (code === 'conference_ended' && had) return this.#stop({ state: 'ended', detail: text(m.detail) });
    if (this.#link && code === 'conference_not_live' && this.#wait) {
      this.#retry = () => this.#advance(); // the message that it is live can get lost
      this.#timers.set('retry', 60_000 * (1 + Math.random()), () => this.#runRetry());
      return this.#show(refused(true));
    }
    this.#goal = 'none';
    this.#resume = '';
    this.#link?.pingEvery(0);
    this.#settleAll(refused(false), code);
  }

  // --- what changes ---

  /** Uses a connection, and no other. */
  #adopt(link: Link): void {
    this.#graceEndsAt = this.#removed = undefined;
    if (link === this.#link) return;
    this.#drop('link');
    this.#link = link;
    this.#trial = undefined;
    this.#clearRetry();
  }

  /** Hands over at nine tenths of the time left, so that there is time to try again. */
  #planHandOver(expiresAt: unknown): void {
    const own = this.#options.connectionSeconds;
    const left = Date.parse(text(expiresAt)) - Date.now();
    // A clock that is far off says nothing; the platform's two hours hold.
    let seconds = own ?? (left > 0 && left < resumableMs ? left / 1000 : resumableMs / 1000);
    seconds *= 0.85 + Math.random() / 10;
    if (!own && Date.now() - this.#handedOverAt < 60_000) seconds = Math.max(seconds, 60);
    this.#timers.set('hand over', seconds * 1000, () => {
      this.#handedOverAt = Date.now();
      this.#backoff.attempt = 0;
      if (!this.#trial) void this.#connect();
    });
  }

  #pingMs(): number {
    return (this.#options.pingSeconds ?? 120) * 1000;
  }

  #drop(which: 'link' | 'trial', code?: number): void {
    if (which === 'link') {
      this.#link?.close(code);
      this.#link = undefined;
      this.#timers.clear('hand over');
    } else {
      this.#trial?.abort.abort();
      this.#trial?.link?.close(code);
      this.#trial = undefined;
    }
  }

  /** Is connected no more, and does nothing by itself. */
  #stop(change: SeatChange): void {
    this.#goal = 'none';
    this.#timers.clearAll();
    this.#clearRetry();
    this.#drop('trial', giveBack);
    this.#drop('link', giveBack);
    listen(this.#woken, false);
    this.#resume = '';
    this.#backoff.reset();
    this.#graceEndsAt = this.#removed = undefined;
    this.#settleAll(change, change.state === 'ended' ? 'conference_ended' : change.state === 'removed' ? 'removed' : 'closed');
  }

  /** Before a listener hears of the end, which may join again. */
  #settleAll(change: SeatChange, code: SeatError['code']): void {
    this.#settleJoins(new SeatError(code, 'detail' in change ? change.detail : 'The seat was given up.', change));
    settle(this.#leaves, (p) => p.resolve());
    if (this.state !== change.state || change.state === 'refused') this.#show(change);
  }

  #showConnecting(error?: unknown, retryAt?: number): void {
    const first = !['seated', 'queued', 'reconnecting'].includes(this.state);
    const more = given({ retryAt, error });
    if (first) this.#show({ state: 'connecting', attempt: this.#backoff.attempt, ...more });
    else this.#show({ state: 'reconnecting', attempt: this.#backoff.attempt, ...more, ...given({ graceEndsAt: this.#graceEndsAt }) });
  }

  #show(change: SeatChange): void {
    this.#now = Object.freeze(change);
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        report(error);
      }
    }
  }

  #settleJoins(error?: SeatError): void {
    settle(this.#joins, (p) => (error ? p.reject(error) : p.resolve(this.#now)));
  }
}

function open(Socket: SocketClass, url: string, protocols: string[]): SocketLike {
  try {
    return new Socket(url, protocols);
  } catch {
    throw new Error('The WebSocket could not be made.'); // the cause may have the token in it
  }
}

function settle<T>(all: Set<T>, how: (one: T) => void): void {
  const now = [...all];
  all.clear();
  now.forEach(how);
}
