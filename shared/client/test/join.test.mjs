import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeatError } from '../dist/index.js';
import { admitted, lobby, queued, refused, settled, World } from './fake.mjs';

test('connects to the lobby and then asks to join', async (t) => {
  const w = new World(t);
  assert.equal(w.seat.state, 'idle');
  const joined = w.seat.join();
  await settled();
  assert.equal(w.last.url, 'wss://seats.example/prod?lobby=true');
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'token.token-1']);
  await w.last.opens();
  assert.deepEqual(w.last.sent, [{ action: 'join' }]);
  await w.last.says(admitted);
  const seated = await joined;
  assert.deepEqual(seated, { state: 'seated', connectionId: 'one', conference: 'weekly', limit: 25, inUse: 3 });
  assert.equal(w.seat.current, seated);
  assert.deepEqual(w.states, ['connecting', 'lobby', 'seated']);
});

test('takes the token out of a join URL', async (t) => {
  const w = new World(t, { url: 'wss://seats.example/prod?token=secret&region=eu' });
  void w.seat.join();
  await settled();
  assert.equal(w.last.url, 'wss://seats.example/prod?region=eu&lobby=true');
});

test('waits in the queue until a seat comes free', async (t) => {
  const w = new World(t, { wait: true });
  const joined = w.seat.join();
  await settled();
  await w.last.opens();
  assert.deepEqual(w.last.sent, [{ action: 'join', wait: true }]);
  for (const position of [2, 2, 1]) await w.last.says(queued(position));
  assert.deepEqual(w.changes.filter((c) => c.state === 'queued').map((c) => c.position), [2, 1]);
  await w.last.says(admitted);
  assert.equal((await joined).state, 'seated');
});

const codes = [
  'seats_exhausted', 'participants_exhausted', 'license_expired', 'license_suspended', 'host_busy', 'conference_not_live',
  'conference_ended', 'token_invalid', 'forbidden', 'not_found', 'invalid',
];
for (const code of codes) {
  test(`tells the page of ${code}`, async (t) => {
    const w = new World(t);
    const joined = w.joins();
    await settled();
    await w.last.says(refused(code, { limit: 25, in_use: 25 }));
    await assert.rejects(joined, (error) => error instanceof SeatError && error.code === code && error.change === w.seat.current);
    assert.deepEqual(w.seat.current, { state: 'refused', code, detail: `because of ${code}`, retrying: false, limit: 25, inUse: 25 });
    await w.passes(3600_000);
    assert.deepEqual([w.sockets.length, w.last.asked], [1, ['join']]);
  });
}

for (const code of ['rate_limited', 'unavailable', 'internal']) {
  test(`asks again after ${code}, when the server says`, async (t) => {
    const w = new World(t);
    const joined = w.joins();
    await settled();
    await w.last.says(refused(code, { retry_after_seconds: 7 }));
    assert.deepEqual(w.seat.current, { state: 'refused', code, detail: `because of ${code}`, retrying: true, retryAfter: 7 });
    await w.passes(6_999);
    assert.deepEqual(w.last.asked, ['join']);
    await w.passes(1_001);
    assert.deepEqual(w.last.asked, ['join', 'join']);
    await w.last.says(admitted);
    assert.equal((await joined).state, 'seated');
  });
}

test('joins by itself when the conference goes live, if it waits', async (t) => {
  const w = new World(t, { wait: true });
  const joined = w.joins();
  await settled();
  await w.last.says(refused('conference_not_live'));
  assert.equal(w.seat.current.retrying, true);
  await w.last.says({ type: 'conference_live' });
  await w.passes(1000);
  assert.deepEqual(w.last.asked, ['join', 'join']);
  await w.last.says(admitted);
  await joined;
});

test('is in the lobby when the conference goes live, if it does not wait', async (t) => {
  const w = new World(t);
  void w.joins();
  await settled();
  await w.last.says(refused('conference_not_live'));
  await w.last.says({ type: 'conference_live' });
  assert.equal(w.seat.state, 'lobby');
  void w.seat.join();
  assert.deepEqual(w.last.asked, ['join', 'join']);
});

test('a second join shares the first', async (t) => {
  const w = new World(t);
  const joined = [w.seat.join(), w.seat.join()];
  await settled();
  await w.last.opens();
  joined.push(w.seat.join());
  await w.last.says(admitted);
  for (const one of await Promise.all([...joined, w.seat.join()])) assert.equal(one, w.seat.current);
  assert.deepEqual([w.sockets.length, w.last.asked], [1, ['join']]);
});

test('leave gives the seat back and stays in the lobby', async (t) => {
  const w = new World(t);
  await w.sits();
  const left = w.seat.leave();
  assert.deepEqual(w.last.asked, ['join', 'leave']);
  await w.last.says(lobby);
  await left;
  assert.equal(w.seat.state, 'lobby');
  void w.seat.join();
  await w.last.says(admitted);
  assert.equal(w.seat.state, 'seated');
  assert.equal(w.sockets.length, 1);
});

test('leave leaves the queue', async (t) => {
  const w = new World(t, { wait: true });
  const joined = w.joins();
  await settled();
  await w.last.says(queued(3));
  const left = w.seat.leave();
  await w.last.says(queued(2)); // it crossed the leave
  await w.last.says(lobby);
  await left;
  await assert.rejects(joined, { code: 'left' });
  assert.equal(w.seat.state, 'lobby');
});

test('a leave and a join in one breath end in a seat', async (t) => {
  const w = new World(t);
  await w.sits();
  void w.seat.leave();
  const joined = w.seat.join();
  await w.last.says(lobby);
  assert.deepEqual(w.last.asked, ['join', 'leave', 'join']);
  await w.last.says({ ...admitted, connection_id: 'two' });
  assert.equal((await joined).connectionId, 'two');
});

test('leave while the answer to join is on its way gives the seat back', async (t) => {
  const w = new World(t);
  const joined = w.joins();
  await settled();
  const left = w.seat.leave();
  await left;
  await assert.rejects(joined, { code: 'left' });
  assert.equal(w.seat.state, 'idle');
  assert.equal(w.last.closedWith, 1000);
  await w.last.says(admitted);
  assert.equal(w.seat.state, 'idle');
});

test('leave while connecting connects no more', async (t) => {
  const w = new World(t, { getToken: () => new Promise(() => {}) });
  const joined = w.seat.join();
  await w.seat.leave();
  await assert.rejects(joined, { code: 'left' });
  await w.passes(3600_000);
  assert.deepEqual([w.seat.state, w.sockets.length], ['idle', 0]);
});

test('leave while reconnecting gives back the seat that is held', async (t) => {
  const w = new World(t);
  await w.sits();
  await w.last.breaks();
  const left = w.seat.leave();
  await w.passes(0);
  await w.last.opens();
  assert.deepEqual(w.last.asked, ['leave']);
  await w.last.says(lobby);
  await left;
  assert.equal(w.seat.state, 'lobby');
});

test('an aborted join is rejected with its reason, and undone', async (t) => {
  const w = new World(t, { wait: true });
  const abort = new AbortController();
  const joined = w.joins({ signal: abort.signal });
  await settled();
  await w.last.says(queued(5));
  abort.abort(new Error('gave up'));
  await assert.rejects(joined, /gave up/);
  assert.deepEqual(w.last.asked, ['join', 'leave']);
  await w.last.says(lobby);
  assert.equal(w.seat.state, 'lobby');
  await assert.rejects(w.seat.join({ signal: AbortSignal.abort(new Error('before')) }), /before/);
  assert.deepEqual(w.last.asked, ['join', 'leave']);
});

test('an abort after the seat changes nothing', async (t) => {
  const w = new World(t);
  const abort = new AbortController();
  const joined = w.joins({ signal: abort.signal });
  await settled();
  await w.last.says(admitted);
  await joined;
  abort.abort();
  assert.equal(w.seat.state, 'seated');
  assert.deepEqual(w.last.asked, ['join']);
});

const ends = [
  [{ type: 'conference_ended' }, 'ended', 'conference_ended'],
  [{ type: 'removed', detail: 'An administrator removed you.' }, 'removed', 'removed'],
];
for (const [message, state, code] of ends) {
  test(`${message.type} is final until reconnect`, async (t) => {
    const w = new World(t, { wait: true });
    const joined = w.joins();
    await settled();
    await w.last.says(queued(1));
    await w.last.says(message);
    await assert.rejects(joined, { code });
    assert.equal(w.seat.state, state);
    await w.last.breaks(1000);
    await w.passes(3600_000);
    assert.equal(w.sockets.length, 1);
    w.seat.reconnect();
    await settled();
    assert.equal(w.sockets.length, 2);
  });
}

const moments = {
  idle: async () => {},
  connecting: async (w) => { void w.seat.join(); await settled(); },
  'in the lobby': async (w) => { void w.joins(); await settled(); },
  queued: async (w) => { void w.joins(); await settled(); await w.last.says(queued(1)); },
  seated: async (w) => w.sits(),
  reconnecting: async (w) => { await w.sits(); await w.last.breaks(); },
  'handing over': async (w) => { await w.sits(); w.seat.reconnect(); await settled(); },
  refused: async (w) => { void w.joins(); await settled(); await w.last.says(refused('seats_exhausted')); },
  'refused for now': async (w) => { void w.joins(); await settled(); await w.last.says(refused('unavailable')); },
  closed: async (w) => w.seat.close(),
};
for (const [moment, arrange] of Object.entries(moments)) {
  test(`close while ${moment} closes for good, and reconnect connects`, async (t) => {
    const w = new World(t);
    await arrange(w);
    w.seat.close();
    assert.equal(w.seat.state, 'closed');
    assert.equal(w.open.length, 0);
    await w.passes(3600_000);
    const before = w.sockets.length;
    assert.ok(before < 3);
    await w.seat.leave();
    assert.equal(w.seat.state, 'closed');
    w.seat.reconnect();
    await settled();
    assert.equal(w.sockets.length, before + 1);
    assert.deepEqual(w.last.protocols.length, 2);
    await w.resumes();
    assert.equal(w.seat.state, 'seated');
  });

  test(`reconnect while ${moment} ends in a seat`, async (t) => {
    const w = new World(t);
    await arrange(w);
    const before = w.sockets.length;
    w.seat.reconnect();
    await settled();
    if (moment !== 'queued') {
      assert.equal(w.sockets.length, before + 1);
      await w.last.opens();
    } // whose place is kept
    await w.last.says(admitted);
    assert.equal(w.seat.state, 'seated');
    assert.equal(w.open.length, 1);
  });
}
