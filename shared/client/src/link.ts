import type { ServerMessage } from './messages.js';

/** What a WebSocket has to have. That of browsers, of Node.js 22, and of the package ws do. */
export interface SocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: any) => any) | null;
  onmessage: ((event: any) => any) | null;
  onclose: ((event: any) => any) | null;
  onerror: ((event: any) => any) | null;
}

export type SocketClass = new (url: string, protocols: string[]) => SocketLike;

/** Named timers, of which setting one again replaces it. */
export class Timers {
  #set = new Map<string, ReturnType<typeof setTimeout>>();

  set(name: string, ms: number, run: () => void): void {
    this.clear(name);
    // A longer delay than this overflows, and would be none.
    const timer = setTimeout(() => {
      this.#set.delete(name);
      run();
    }, Math.min(ms, 2 ** 31 - 1));
    this.#set.set(name, timer);
  }

  has(name: string): boolean {
    return this.#set.has(name);
  }

  clear(name: string): void {
    clearTimeout(this.#set.get(name));
    this.#set.delete(name);
  }

  clearAll(): void {
    for (const name of this.#set.keys()) this.clear(name);
  }
}

/** The server holds the seat after any close code but 1000, which gives it back. */
export const giveBack = 1000;
const keepSeat = 4000;

/** How often a link looks whether it is time to ping, or whether the machine slept. Hidden pages have timers once a minute. */
const beatMs = 20_000;
const sleptMs = 90_000;

export interface LinkEvents {
  opened(link: Link): void;
  heard(link: Link, message: ServerMessage): void;
  lost(link: Link, why: string): void;
}

/** One WebSocket connection. It is lost once: when it closes, or when no answer comes in time. */
export class Link {
  /** The action that is still to be answered. */
  asked = '';
  openedAt = 0;
  readonly #socket: SocketLike;
  readonly #events: LinkEvents;
  readonly #timeoutMs: number;
  readonly #timers = new Timers();
  #pingMs = 0;
  #sentAt = 0;
  #over = false;

  constructor(socket: SocketLike, events: LinkEvents, timeoutMs: number, readonly resumes: boolean) {
    this.#socket = socket;
    this.#events = events;
    this.#timeoutMs = timeoutMs;
    this.#timers.set('open', timeoutMs, () => this.#lose('The connection was not opened in time.'));
    socket.onopen = () => {
      if (this.#over) return;
      this.#timers.clear('open');
      this.openedAt = Date.now();
      events.opened(this);
    };
    socket.onmessage = (event) => {
      if (this.#over) return;
      this.#timers.clear('pong');
      const message = parse(event.data);
      if (message) events.heard(this, message);
    };
    socket.onclose = (event) => this.#lose(`The connection was closed (${event?.code ?? 'no code'}).`);
    socket.onerror = () => {}; // its close tells
  }

  /** Sends an action whose answer must come in time. */
  ask(action: 'join' | 'leave' | 'status', more: object = {}): void {
    if (this.#over) return; // a listener has closed it
    this.asked = action;
    this.#timers.set('answer', this.#timeoutMs, () => this.#lose(`There was no answer to ${action}.`));
    this.#send({ action, ...more });
  }

  answered(): void {
    this.asked = '';
    this.#timers.clear('answer');
  }

  /** Pings so often, and soon after the machine has slept. 0: never. */
  pingEvery(ms: number): void {
    this.#pingMs = ms;
    this.#timers.clear('beat');
    if (ms > 0) this.#beat();
  }

  /** Finds out whether the server is still there: any message tells. */
  ping(): void {
    if (!this.openedAt) return;
    if (this.#socket.readyState > 1) return this.#lose('The connection is closed.'); // as a frozen page was not told
    // Another ping is no answer to the first.
    if (!this.#timers.has('pong')) this.#timers.set('pong', this.#timeoutMs, () => this.#lose('There was no answer to a ping.'));
    this.#send({ action: 'ping' });
  }

  /** Ends it without an event. A seat that the answer to a join would have given cannot be resumed. */
  close(code = this.asked === 'join' && !this.resumes ? giveBack : keepSeat): void {
    this.#over = true;
    this.#timers.clearAll();
    try {
      this.#socket.close(code);
    } catch {
      // It is closed already.
    }
  }

  #beat(): void {
    const at = Date.now();
    this.#timers.set('beat', Math.min(beatMs, this.#pingMs), () => {
      const now = Date.now();
      if (now - at > sleptMs || now < at || now - this.#sentAt >= this.#pingMs) this.ping();
      this.#beat();
    });
  }

  #send(message: object): void {
    this.#sentAt = Date.now();
    try {
      this.#socket.send(JSON.stringify(message));
    } catch {
      // It is closing; its event comes.
    }
  }

  #lose(why: string): void {
    if (this.#over) return;
    this.close();
    this.#events.lost(this, why);
  }
}

export function open(Socket: SocketClass, url: string, protocols: string[]): SocketLike {
  try {
    return new Socket(url, protocols);
  } catch {
    throw new Error('The WebSocket could not be made.'); // the cause may have the token in it
  }
}

/** A message, or nothing where the text is none. */
function parse(data: unknown): ServerMessage | undefined {
  try {
    const message = JSON.parse(data as string);
    if (typeof message?.type === 'string') return message;
  } catch {
    // Not JSON.
  }
  return undefined;
}
