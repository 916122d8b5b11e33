import { HandOver } from './handover.js';
import { Hold } from './hold.js';
import { giveBack, Link, open, type SocketClass, Timers } from './link.js';
import type { Admitted, ErrorMessage, ProblemCode, Queued, Refused, ServerMessage } from './messages.js';
import { hidden, listen } from './page.js';
import { Retry } from './retry.js';
import { Shown } from './shown.js';
import { type Seat, type SeatChange, SeatError, type SeatOptions, type SeatState } from './types.js';
import { given, milliseconds, number, text } from './values.js';

/** A connection on its way: the first, one after a loss, or the one to hand over to. */
type Trial = { abort: AbortController; link?: Link };

const stableMs = 10_000;
const transient: readonly string[] = ['rate_limited', 'unavailable', 'internal'];

/** Makes a seat. Nothing is connected before join. */
export function createSeat(options: SeatOptions): Seat {
  return new Machine(options);
}

class Machine implements Seat {
  readonly #options: SeatOptions;
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #pingMs: number;
  readonly #timers = new Timers();
  readonly #shown = new Shown();
  readonly #hold = new Hold();
  readonly #retry: Retry;
  readonly #handOver: HandOver;
  #goal: 'none' | 'lobby' | 'seat' = 'none';
  #wait: boolean;
  #link: Link | undefined;
  #trial: Trial | undefined;
  /** What the old connection was told while handing over: perhaps only that the new one has the seat. */
  #removed: string | undefined;

  constructor(options: SeatOptions) {
    const { connectionSeconds } = options;
    this.#options = options;
    this.#wait = options.wait ?? false;
    this.#timeoutMs = milliseconds('timeoutSeconds', options.timeoutSeconds ?? 15);
    this.#pingMs = milliseconds('pingSeconds', options.pingSeconds ?? 120);
    this.#retry = new Retry(this.#timers, options.retry);
    const ownMs = connectionSeconds === undefined ? undefined : milliseconds('connectionSeconds', connectionSeconds);
    this.#handOver = new HandOver(this.#timers, ownMs, () => {
      this.#retry.backoff.attempt = 0;
      if (!this.#trial) void this.#connect();
    });
    this.#url = new URL(options.url);
    for (const name of ['token', 'resume', 'wait']) this.#url.searchParams.delete(name);
    this.#url.searchParams.set('lobby', 'true');
  }

  get state(): SeatState {
    return this.#shown.current.state;
  }

  get current(): SeatChange {
    return this.#shown.current;
  }

  on(_: 'change', listener: (change: SeatChange) => void): () => void {
    return this.#shown.on(listener);
  }

  join({ signal, wait }: { signal?: AbortSignal | undefined; wait?: boolean | undefined } = {}): Promise<SeatChange> {
    const joined = new Promise<SeatChange>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.#wait = wait ?? this.#options.wait ?? false;
      this.#aim('seat');
      if (this.state === 'seated' && this.#link?.asked !== 'leave') return resolve(this.current);
      const done = <T>(settle: (value: T) => void) => (value: T) => {
        signal?.removeEventListener('abort', abort);
        settle(value);
      };
      const pending = { resolve: done(resolve), reject: done(reject) };
      const abort = () => {
        this.#shown.joins.delete(pending);
        pending.reject(signal!.reason);
        if (!this.#shown.joins.size) void this.leave();
      };
      signal?.addEventListener('abort', abort);
      this.#shown.joins.add(pending);
      this.#advance();
    });
    joined.catch(() => {}); // who does not wait for it has on('change')
    return joined;
  }

  leave(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#goal === 'none') return resolve();
      this.#aim('lobby');
      this.#shown.settleJoins(new SeatError('left', 'The seat was given up.'));
      this.#shown.leaves.add({ resolve, reject });
      const link = this.#link;
      if (!link && !this.#hold.token) this.#stop({ state: 'idle' });
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
    if (this.#goal !== 'lobby') this.#aim('seat');
    if (this.state === 'queued' && this.#link) return this.#link.ping(); // a new one would be the last in the queue
    if (this.#trial?.link?.asked === 'status') return; // it may have the seat already, and then no other can take it over
    this.#retry.backoff.reset();
    if (this.state !== 'seated') {
      this.#drop('link');
      this.#hold.begins();
    }
    void this.#connect();
  }

  /** What is wanted. As long as that is anything, the page is listened to. */
  #aim(goal: 'none' | 'lobby' | 'seat'): void {
    this.#goal = goal;
    listen(this.#woken, goal !== 'none');
  }

  /** Does what the goal needs next, unless that is on its way. */
  #advance(): void {
    const link = this.#link;
    if (this.#trial || link?.asked) return;
    if (this.#retry.planned) return this.#retry.hurry();
    if (!link) return void this.#connect();
    if (this.state === 'queued') return;
    if (this.state !== 'lobby') this.#shown.show({ state: 'lobby' });
    if (this.#goal === 'seat') this.#join(link); // a listener may have left, or closed
  }

  #join(link: Link): void {
    link.ask('join', this.#wait ? { wait: true } : {});
  }

  // --- connecting ---

  async #connect(error?: unknown): Promise<void> {
    this.#retry.clear();
    this.#drop('trial');
    const trial: Trial = (this.#trial = { abort: new AbortController() });
    if (!this.#link) this.#showConnecting(error);
    try {
      const Socket = this.#options.WebSocket ?? (globalThis as { WebSocket?: SocketClass }).WebSocket;
      if (!Socket) throw new SeatError('invalid', 'There is no WebSocket here: give one as an option.');
      if (trial !== this.#trial) return; // a listener has closed it
      const protocols = await this.#hold.protocols(this.#options, trial.abort.signal, this.#timeoutMs);
      if (trial !== this.#trial) return;
      trial.link = new Link(open(Socket, this.#url.href, protocols), this.#events, this.#timeoutMs, this.#hold.token !== '');
    } catch (failure) {
      if (trial !== this.#trial) return;
      if (failure instanceof SeatError) this.#refuse({ type: 'refused', code: failure.code as ProblemCode, detail: failure.detail });
      else this.#failed(failure);
    }
  }

  readonly #events = {
    opened: (link: Link) => {
      if (this.#goal === 'lobby') {
        if (link.resumes) link.ask('leave');
        else this.#toLobby(link);
      } else if (this.#link || this.#removed !== undefined) {
        link.ask('status'); // not join: a seat is held already, or is not to be taken
      } else {
        if (this.state === 'connecting') this.#shown.show({ state: 'lobby' });
        this.#join(link);
      }
    },
    heard: (link: Link, message: ServerMessage) => this.#heard(link, message),
    lost: (link: Link, why: string) => {
      if (link === this.#trial?.link) return this.#failed(why);
      this.#link = undefined;
      this.#handOver.clear();
      if (this.#goal === 'none') return; // refused, and was only waiting in the lobby
      this.#hold.begins();
      if (Date.now() - link.openedAt > stableMs) this.#retry.backoff.attempt = 0;
      if (this.#trial) this.#showConnecting(why); // the new one is on its way
      else this.#again(() => void this.#connect(why), why);
    },
  };

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
    const ms = this.#retry.backoff.next(this.#hold.leftMs, this.state === 'queued');
    if (ms !== null) this.#retry.plan(run, ms, this.#rests());
    return ms;
  }

  /** A hidden page retries only for a seat, or a place in the queue, that it had. */
  #rests(): boolean {
    return hidden() && !this.#hold.token && this.state !== 'queued' && this.state !== 'reconnecting';
  }

  readonly #woken = (event: Event) => {
    if (this.#rests() || (hidden() && event.type === 'visibilitychange')) return;
    this.#retry.hurry();
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
        if (this.current.state !== 'refused' || this.current.code !== 'conference_not_live') return;
        // Not all at once: everybody in the lobby has heard it.
        if (this.#retry.planned) return this.#retry.hurry(Math.random() * 1000);
        this.#aim('lobby');
        return this.#toLobby(link);
      case 'conference_ended':
        return this.#stop({ state: 'ended', detail: 'The conference has ended.' });
      case 'removed':
        if (link !== this.#link || !this.#trial?.link) return this.#stop({ state: 'removed', detail: text(message.detail) });
        this.#removed = text(message.detail);
        this.#drop('link');
        this.#hold.begins();
    }
  }

  #seated(link: Link, m: Admitted): void {
    this.#adopt(link);
    this.#hold.taken(m);
    link.pingEvery(Math.min(this.#pingMs, Math.max(1000, (number(m.ping_within_seconds) || 540) * 900)));
    this.#handOver.plan(m.expires_at);
    this.#shown.show({
      state: 'seated', connectionId: text(m.connection_id), conference: text(m.conference),
      limit: number(m.limit) ?? 0, inUse: number(m.in_use) ?? 0,
    });
    this.#shown.settleJoins();
  }

  #queued(link: Link, m: Queued): void {
    this.#adopt(link);
    this.#hold.drop(); // the place ends with the connection
    link.pingEvery(this.#pingMs);
    const position = number(m.position) ?? 0;
    const since = text(m.since);
    const { current } = this;
    if (current.state === 'queued' && current.position === position && current.since === since) return;
    this.#shown.show({ state: 'queued', position, since, connectionId: text(m.connection_id), conference: text(m.conference) });
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
    this.#drop('trial', giveBack); // there is no seat to hand over
    this.#hold.drop();
    this.#retry.clear();
    this.#handOver.clear();
    link.pingEvery(this.#pingMs);
    if (this.state !== 'lobby') this.#shown.show({ state: 'lobby' });
    if (this.#goal === 'seat' && !link.asked) this.#join(link);
  }

  /** An answer that is a refusal, or one to a waiter whose turn it was. */
  #denied(link: Link, m: Refused | ErrorMessage): void {
    const { asked } = link;
    if (!asked && !(m.type === 'refused' && this.state === 'queued')) return;
    link.answered();
    const retryAfter = number(m.retry_after_seconds);
    if (retryAfter) this.#retry.backoff.atLeast(retryAfter);
    if (asked === 'leave' && m.type === 'error') {
      if (this.#plan(() => link.ask('leave')) === null) this.#stop({ state: 'idle' }); // the close gives it back
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
    this.#retry.clear();
    this.#drop('trial', giveBack);
    const had = this.state === 'reconnecting' || this.state === 'seated';
    const code = text(m.code) as ProblemCode;
    const retryAfter = number(m.retry_after_seconds);
    const refused = (retrying: boolean): SeatChange => ({
      state: 'refused', code, detail: text(m.detail), retrying,
      ...given({ retryAfter, limit: number(m.limit), inUse: number(m.in_use), conference: text(m.conference) || undefined }),
    });
    if (this.#link && transient.includes(code) && this.#plan(() => this.#advance()) !== null) return this.#shown.show(refused(true));
    if (code === 'conference_ended' && had) return this.#stop({ state: 'ended', detail: text(m.detail) });
    if (this.#link && code === 'conference_not_live' && this.#wait) {
      this.#retry.plan(() => this.#advance(), 60_000 * (1 + Math.random())); // the message that it is live can get lost
      return this.#shown.show(refused(true));
    }
    this.#aim('none');
    this.#hold.drop();
    this.#removed = undefined;
    this.#link?.pingEvery(0);
    this.#settleAll(refused(false), code);
  }

  // --- what changes ---

  /** Uses a connection, and no other. What was to be left is left by now, or a join came after that. */
  #adopt(link: Link): void {
    this.#shown.settleLeaves();
    this.#hold.endsAt = this.#removed = undefined;
    if (link === this.#link) return;
    this.#drop('link');
    this.#link = link;
    this.#trial = undefined;
    this.#retry.clear();
  }

  #drop(which: 'link' | 'trial', code?: number): void {
    if (which === 'link') {
      this.#link?.close(code);
      this.#link = undefined;
      this.#handOver.clear();
    } else {
      this.#trial?.abort.abort();
      this.#trial?.link?.close(code);
      this.#trial = undefined;
    }
  }

  /** Is connected no more, and does nothing by itself. */
  #stop(change: SeatChange): void {
    this.#aim('none');
    this.#retry.clear();
    this.#drop('trial', giveBack);
    this.#drop('link', giveBack);
    this.#hold.drop();
    this.#retry.backoff.reset();
    this.#removed = undefined;
    this.#settleAll(change, change.state === 'ended' ? 'conference_ended' : change.state === 'removed' ? 'removed' : 'closed');
  }

  /** Before a listener hears of the end, which may join again. */
  #settleAll(change: SeatChange, code: SeatError['code']): void {
    this.#shown.settleJoins(new SeatError(code, 'detail' in change ? change.detail : 'The seat was given up.', change));
    this.#shown.settleLeaves();
    if (this.state !== change.state || change.state === 'refused') this.#shown.show(change);
  }

  #showConnecting(error?: unknown, retryAt?: number): void {
    const first = !['seated', 'queued', 'reconnecting'].includes(this.state);
    const more = given({ retryAt, error });
    if (first) this.#shown.show({ state: 'connecting', attempt: this.#retry.backoff.attempt, ...more });
    else this.#shown.show({ state: 'reconnecting', attempt: this.#retry.backoff.attempt, ...more, ...given({ graceEndsAt: this.#hold.endsAt }) });
  }
}
