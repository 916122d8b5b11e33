// A server that keeps its word, behind a network that does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitted, lobby, random, settled, World } from './fake.mjs';

const graceMs = 30_000;

/** Gives seats as the protocol says. What it says arrives when a test delivers it. */
class Server {
  /** Seats by resume token: with a socket, or held until a time. */
  seats = new Map();
  tokens = 0;

  get inUse() {
    for (const [token, seat] of this.seats) if (!seat.socket && seat.until <= Date.now()) this.seats.delete(token);
    return this.seats.size;
  }

  seatOf(socket) { return [...this.seats].find(([, seat]) => seat.socket === socket); }

  admit(socket, token = `resume-${++this.tokens}`) {
    this.seats.set(token, { socket });
    return { ...admitted, resume_token: token };
  }

  /** False: refused with 401. */
  shakes(socket) {
    const [, resume] = socket.protocols.find((p) => p.startsWith('resume.'))?.split('.') ?? [];
    const seat = this.inUse && this.seats.get(resume);
    if (seat) {
      const old = seat.socket;
      this.seats.delete(resume);
      this.admit(socket);
      if (old) {
        old.due.push({ type: 'removed', detail: 'Another connection has taken over the seat.' });
        old.ended = true;
      }
    }
    return seat || socket.protocols.some((p) => p.startsWith('token.'));
  }

  hears(socket, { action }) {
    const seat = this.seatOf(socket);
    if (action === 'ping') return { type: 'pong' };
    if (action === 'leave' && seat) this.seats.delete(seat[0]);
    if (action !== 'leave' && seat) return { ...admitted, resume_token: seat[0] };
    return action === 'join' ? this.admit(socket) : lobby;
  }

  loses(socket, code) {
    const seat = this.seatOf(socket);
    if (!seat) return;
    if (code === 1000) this.seats.delete(seat[0]);
    else this.seats.set(seat[0], { until: Date.now() + graceMs });
  }
}

/** Moves the network on: handshakes, what clients sent, closes, and what the server said. */
async function moves(w, server, pick = () => 1) {
  for (const socket of w.sockets) {
    if (socket.gone || !pick(4)) continue;
    socket.due ??= [];
    socket.read ??= 0;
    if (!socket.shaken) {
      if (socket.closedWith !== undefined) { socket.gone = true; continue; }
      socket.shaken = true;
      if (server.shakes(socket)) await socket.opens();
      else { socket.gone = true; await socket.breaks(); }
      continue;
    }
    while (!socket.ended && socket.read < socket.sent.length) socket.due.push(server.hears(socket, socket.sent[socket.read++]));
    if (socket.closedWith !== undefined) {
      server.loses(socket, socket.closedWith);
      socket.gone = true;
    } else if (socket.due.length) await socket.says(socket.due.shift());
    else if (socket.ended) { socket.gone = true; await socket.breaks(1000); }
  }
}

const steps = [
  (w) => void w.seat.join(), (w) => void w.seat.leave(), (w) => w.seat.reconnect(), (w) => w.seat.close(),
  (w, _, pick) => w.passes([0, 10, 1000, 16_000, 40_000, 2 * 3600_000][pick(6)]),
  async (w, server, pick) => {
    const socket = w.open[pick(w.open.length)];
    if (!socket) return;
    socket.gone = true;
    if (socket.shaken) server.loses(socket, 1006);
    await socket.breaks();
  },
  moves, moves, moves, moves,
  (w, server, pick) => moves(w, server, pick),
];

test('leave and close leave no seat behind, and join takes one', async (t) => {
  for (let seed = 1; seed <= 150; seed++) {
    await t.test(`seed ${seed}`, async (t) => {
      const w = new World(t);
      const server = new Server();
      const pick = random(seed);
      const done = [];
      for (let n = 0; n < 40; n++) {
        const step = pick(steps.length);
        done.push(step);
        await steps[step](w, server, step === 10 || step < 6 ? pick : undefined);
      }
      const ends = async (state, inUse) => {
        for (let n = 0; n < 60 && (w.seat.state !== state || server.inUse !== inUse); n++) {
          await w.passes(2000);
          await moves(w, server);
          // A hand-over that was cut off looks like a removal.
          if (state === 'seated' && w.seat.state === 'removed') void w.seat.join();
        }
        assert.deepEqual([w.seat.state, server.inUse], [state, inUse], `after ${done}`);
      };
      w.seat.reconnect();
      void w.seat.join();
      await ends('seated', 1);
      void w.seat.leave();
      await ends('lobby', 0);
      void w.seat.join();
      await ends('seated', 1);
      w.seat.close();
      await ends('closed', 0);
    });
  }
});
