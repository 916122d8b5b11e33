import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeat } from '../dist/index.js';
import { admitted, lobby, queued, refused, settled, World } from './fake.mjs';

test('resumes at once, without a join token, while the seat is held', async (t) => {
  const w = new World(t);
  await w.sits();
  await w.last.breaks();
  assert.equal(w.seat.state, 'reconnecting');
  assert.equal(w.seat.current.graceEndsAt, Date.now() + 30_000);
  await w.passes(0);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-1']);
  await w.last.opens();
  assert.deepEqual(w.last.asked, ['join']);
  assert.equal(w.seat.state, 'reconnecting');
  await w.last.says({ ...admitted, resume_token: 'resume-2' });
  assert.equal(w.seat.state, 'seated');
  assert.equal(w.tokens, 1);
  await w.last.breaks();
  await w.passes(7500);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-2']);
});

test('asks for a join token once the grace has run out', async (t) => {
  const w = new World(t, { retry: () => 20_000 });
  await w.sits();
  await w.last.breaks();
  await w.passes(20_000);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-1']);
  await w.last.breaks();
  await w.passes(20_000);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-1', 'token.token-2']);
  await w.last.opens();
  await w.last.says(refused('seats_exhausted', { limit: 25, in_use: 25 }));
  assert.equal(w.seat.current.code, 'seats_exhausted');
});

test('a resume token does, where no join token can be had', async (t) => {
  let fails = false;
  const w = new World(t, { getToken: () => (fails ? Promise.reject(new Error('offline')) : 'token'), retry: () => 40_000 });
  await w.sits();
  fails = true;
  await w.last.breaks();
  await w.passes(40_000);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-1']);
});

test('a machine that slept past the token asks for a join token at once', async (t) => {
  const w = new World(t);
  await w.sits({ grace_seconds: 300 });
  w.sleeps(3 * 3600_000);
  await w.last.breaks();
  await w.passes(0);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-1', 'token.token-2']);
});

test('retries have full jitter and a cap of 30 s', async (t) => {
  const w = new World(t);
  t.mock.method(Math, 'random', () => 0.999);
  await w.sits({ grace_seconds: 0 });
  const delays = [];
  for (let n = 0; n < 10; n++) {
    await w.last.breaks();
    delays.push(w.seat.current.retryAt - Date.now());
    await w.passes(delays.at(-1));
  }
  assert.deepEqual(delays.map(Math.round), [999, 1998, 3996, 7992, 15984, ...Array(5).fill(29970)]);
  Math.random.mock.mockImplementation(() => 0);
  await w.last.breaks();
  assert.equal(w.seat.current.retryAt, Date.now());
});

for (const outageMs of [300, 3_000, 20_000]) {
  test(`2,000 that are cut off for ${outageMs / 1000} s come back evenly, and in time`, async (t) => {
    const w = new World(t, {}, { hidden: false });
    const made = [];
    class Socket extends w.options.WebSocket {
      constructor(...rest) { super(...rest); made.push(this); }
    }
    const seats = Array.from({ length: 2000 }, () => createSeat({ ...w.options, WebSocket: Socket }));
    t.after(() => seats.forEach((seat) => seat.close()));
    for (const seat of seats) void seat.join();
    await settled();
    for (const socket of made) { void socket.opens(); void socket.says(admitted); }
    const cut = Date.now();
    for (const socket of made.splice(0)) void socket.breaks();
    const back = [];
    while (Date.now() - cut < 30_000) {
      await w.passes(50);
      for (const socket of made.splice(0)) {
        if (Date.now() - cut < outageMs) void socket.breaks();
        else { back.push(Date.now()); void socket.opens(); void socket.says(admitted); }
      }
    }
    assert.equal(back.length, 2000);
    const seconds = [];
    for (const at of back) seconds[Math.floor((at - back[0]) / 1000)] = (seconds[Math.floor((at - back[0]) / 1000)] ?? 0) + 1;
    assert.ok(Math.max(...seconds.filter(Boolean)) <= 3 * (2000 / seconds.length), String(seconds));
  });
}

test('a connection that keeps breaking off is not retried ever at once', async (t) => {
  const w = new World(t);
  t.mock.method(Math, 'random', () => 0.5);
  await w.sits();
  const attempts = [];
  for (let n = 0; n < 4; n++) {
    await w.last.breaks();
    attempts.push(w.seat.current.attempt);
    await w.passes(w.seat.current.retryAt - Date.now());
    await w.resumes();
  }
  assert.deepEqual(attempts, [1, 2, 3, 4]);
  await w.passes(10_001);
  await w.last.breaks();
  assert.equal(w.seat.current.attempt, 1);
});

test('a policy of the page decides about each attempt, and can give up', async (t) => {
  const asked = [];
  const w = new World(t, { retry: (attempt) => (asked.push(attempt), attempt < 3 ? 100 * attempt : null) });
  const joined = w.seat.join();
  await settled();
  for (const wait of [100, 200, 0]) {
    await w.last.breaks();
    await w.passes(wait);
  }
  await assert.rejects(joined, { code: 'unavailable' });
  assert.deepEqual(asked, [1, 2, 3]);
  assert.equal(w.sockets.length, 3);
  assert.deepEqual([w.seat.state, w.seat.current.retrying], ['refused', false]);
  w.seat.reconnect();
  await settled();
  assert.equal(w.sockets.length, 4);
});

test('retries at once when the network is back, or the page visible', async (t) => {
  const w = new World(t, { retry: () => 25_000 }, { hidden: false });
  await w.sits();
  await w.last.breaks();
  w.page.dispatchEvent(new Event('online'));
  await w.passes(0);
  assert.equal(w.sockets.length, 2);
  await w.last.breaks();
  await w.page_is('hidden');
  assert.equal(w.sockets.length, 2);
  await w.page_is('visible');
  assert.equal(w.sockets.length, 3);
});

test('not even then sooner than the server said', async (t) => {
  const w = new World(t, {}, { hidden: false });
  void w.joins();
  await settled();
  await w.last.says(refused('rate_limited', { retry_after_seconds: 5 }));
  w.page.dispatchEvent(new Event('online'));
  await w.passes(4_999);
  assert.deepEqual(w.last.asked.filter((a) => a === 'join'), ['join']);
  await w.passes(1);
  assert.deepEqual(w.last.asked.filter((a) => a === 'join'), ['join', 'join']);
});

test('a connection lost meanwhile is not made sooner than the server said', async (t) => {
  const w = new World(t, { retry: () => 0 });
  void w.joins();
  await settled();
  await w.last.says(refused('unavailable', { retry_after_seconds: 5 }));
  await w.last.breaks();
  await w.passes(4_999);
  assert.equal(w.sockets.length, 1);
  await w.passes(1);
  assert.equal(w.sockets.length, 2);
});

for (const [what, arrive] of [
  ['a seat', (w) => w.sits()],
  ['a place in the queue', async (w) => { void w.joins(); await settled(); await w.last.says(queued(4)); }],
]) {
  test(`a hidden page goes on retrying for ${what}`, async (t) => {
    const w = new World(t, { wait: true, retry: () => 10_000 }, { hidden: true });
    await arrive(w);
    for (let n = 0; n < 20; n++) {
      await w.last.breaks();
      await w.passes(10_000);
    }
    assert.equal(w.sockets.length, 21);
  });
}

test('a hidden page without a seat waits until it is seen', async (t) => {
  const w = new World(t, {}, { hidden: true });
  void w.seat.join();
  await settled();
  await w.last.breaks();
  await w.passes(3600_000);
  assert.equal(w.sockets.length, 1);
  await w.page_is('visible');
  assert.equal(w.sockets.length, 2);
});

test('a ping without an answer finds a half-open connection', async (t) => {
  const w = new World(t);
  await w.sits({ ping_within_seconds: 60 });
  await w.passes(60_000);
  assert.ok(w.last.asked.filter((a) => a === 'ping').length >= 1);
  await w.last.says({ type: 'pong' });
  await w.passes(15_000);
  assert.equal(w.seat.state, 'seated');
  await w.passes(60_000);
  await w.passes(15_000);
  assert.equal(w.sockets[0].closedWith, 4000);
  assert.deepEqual(w.sockets[1].protocols, ['seatmeter.v1', 'resume.resume-1']);
});

test('pings soon after the machine slept', async (t) => {
  const w = new World(t, { pingSeconds: 500 });
  await w.sits();
  w.sleeps(1800_000);
  await w.passes(20_000);
  assert.equal(w.last.asked.at(-1), 'ping');
});

test('pings when the page is seen again', async (t) => {
  const w = new World(t, {}, { hidden: true });
  await w.sits();
  await w.page_is('visible');
  assert.equal(w.last.asked.at(-1), 'ping');
});

test('a handshake and an answer that do not come are given up', async (t) => {
  const w = new World(t);
  void w.seat.join();
  await settled();
  await w.passes(15_000);
  assert.match(w.seat.current.error, /not opened/);
  await w.passes(1000);
  await w.last.opens();
  await w.passes(15_000);
  assert.match(w.seat.current.error, /no answer to join/);
});

test('a conference that ended meanwhile is over', async (t) => {
  const w = new World(t);
  await w.sits();
  await w.last.breaks();
  await w.passes(0);
  await w.last.opens();
  await w.last.says(refused('conference_ended'));
  assert.equal(w.seat.state, 'ended');
});

test('a waiter is refused at its turn', async (t) => {
  const w = new World(t, { wait: true });
  const joined = w.joins();
  await settled();
  await w.last.says(queued(1));
  await w.last.says(refused('license_expired'));
  await assert.rejects(joined, { code: 'license_expired' });
});

test('comes back to the lobby after a loss, and stays out of the seats', async (t) => {
  const w = new World(t);
  await w.sits();
  void w.seat.leave();
  await w.last.says(lobby);
  await w.last.breaks();
  await w.passes(1000);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'token.token-2']);
  await w.last.opens();
  assert.deepEqual([w.seat.state, w.last.asked], ['lobby', []]);
});
