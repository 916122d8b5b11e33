// Sockets whose other end a test plays, on a clock that it moves.
import { mock } from 'node:test';
import { createSeat } from '../dist/index.js';

export const admitted = {
  type: 'admitted', connection_id: 'one', conference: 'weekly', limit: 25, in_use: 3, grace_seconds: 30,
  expires_at: '', ping_within_seconds: 540, resume_token: 'resume-1',
};
export const lobby = { type: 'lobby', connection_id: 'one', conference: 'weekly' };
export const queued = (position) => ({ type: 'queued', conference: 'weekly', position, since: '2026-11-30T09:00:00.000Z' });
export const refused = (code, more = {}) => ({ type: 'refused', code, detail: `because of ${code}`, ...more });

/** A generator of the same numbers for the same seed. */
export function random(seed) {
  return (n) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * n);
  };
}

/** Lets promises settle. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export class World {
  sockets = [];
  changes = [];
  tokens = 0;
  unhandled = [];

  constructor(test, options = {}, { hidden } = {}) {
    const world = this;
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.parse('2026-11-30T09:00:00Z') });
    const note = (error) => world.unhandled.push(error);
    process.on('unhandledRejection', note);
    this.page = new EventTarget();
    if (hidden !== undefined) {
      globalThis.document = Object.assign(this.page, { visibilityState: hidden ? 'hidden' : 'visible' });
      globalThis.addEventListener = this.page.addEventListener.bind(this.page);
      globalThis.removeEventListener = this.page.removeEventListener.bind(this.page);
    }
    test.after(async () => {
      this.seat.close();
      await settled();
      mock.timers.reset();
      process.off('unhandledRejection', note);
      for (const name of ['document', 'addEventListener', 'removeEventListener']) delete globalThis[name];
      if (world.unhandled.length) throw world.unhandled[0];
    });
    class Socket {
      sent = [];
      closedWith = undefined;
      constructor(url, protocols) {
        Object.assign(this, { url, protocols });
        world.sockets.push(this);
      }
      send(text) { this.sent.push(JSON.parse(text)); }
      close(code) { this.closedWith ??= code; }
      // The other end.
      async opens() { this.onopen?.({}); await settled(); }
      async says(message) { this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) }); await settled(); }
      async breaks(code = 1006) { this.broken = true; this.onclose?.({ code }); await settled(); }
      get asked() { return this.sent.map((m) => m.action); }
    }
    this.options = { url: 'wss://seats.example/prod', getToken: () => `token-${++world.tokens}`, WebSocket: Socket, ...options };
    this.seat = createSeat(this.options);
    this.seat.on('change', (change) => this.changes.push(change));
  }

  get last() { return this.sockets.at(-1); }
  get states() { return this.changes.map((change) => change.state); }
  get open() { return this.sockets.filter((socket) => socket.closedWith === undefined && !socket.broken); }

  async passes(ms) {
    mock.timers.tick(ms);
    await settled();
  }

  /** The machine sleeps: the clock goes on, timers do not. */
  sleeps(ms) { mock.timers.setTime(Date.now() + ms); }

  /** Asks for a seat, and opens the connection. */
  joins(options) {
    const joined = this.seat.join(options);
    void settled().then(() => this.last.opens());
    return joined;
  }

  async sits(more = {}) {
    const joined = this.seat.join();
    await settled();
    await this.last.opens();
    await this.last.says({ ...admitted, ...more });
    await joined;
  }

  async resumes(more = {}) {
    await this.last.opens();
    await this.last.says({ ...admitted, resume_token: `resume-${this.sockets.length}`, ...more });
  }

  async page_is(visibilityState) {
    this.page.visibilityState = visibilityState;
    this.page.dispatchEvent(new Event('visibilitychange'));
    await this.passes(0);
  }
}
