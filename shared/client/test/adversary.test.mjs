import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeat } from '../dist/index.js';
import { admitted, lobby, queued, refused, settled, World } from './fake.mjs';

const failures = {
  throws: () => { throw new Error('no session'); },
  rejects: () => Promise.reject(new Error('no session')),
  hangs: () => new Promise(() => {}),
};
for (const [how, getToken] of Object.entries(failures)) {
  test(`getToken that ${how} is asked again, later`, async (t) => {
    let bad = true;
    const w = new World(t, { getToken: () => (bad ? getToken() : 'good'), retry: () => 1000 });
    const joined = w.seat.join();
    await settled();
    await w.passes(15_000);
    assert.equal(w.sockets.length, 0);
    assert.equal(w.seat.state, 'connecting');
    bad = false;
    await w.passes(1000);
    await w.passes(15_000);
    await w.passes(1000);
    await w.resumes();
    assert.equal((await joined).state, 'seated');
  });
}

test('the page is told why getToken failed', async (t) => {
  const w = new World(t, { getToken: failures.rejects });
  void w.seat.join();
  await settled();
  assert.equal(w.seat.current.error.message, 'no session');
});

for (const token of [null, undefined, '', 42, { token: 'x' }, 'two words', 'a,b', 'newline\n', 'ümlaut']) {
  test(`getToken that gives ${JSON.stringify(token)} is the end`, async (t) => {
    const w = new World(t, { getToken: () => token });
    await assert.rejects(w.seat.join(), { code: 'token_invalid' });
    assert.equal(w.seat.state, 'refused');
    assert.equal(w.sockets.length, 0);
  });
}

test('a stale token is replaced at the next attempt', async (t) => {
  const w = new World(t, { retry: () => 10 });
  void w.seat.join();
  await settled();
  await w.last.breaks(); // how a browser shows 401
  await w.passes(10);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'token.token-2']);
});

test('a token that comes after close is not used', async (t) => {
  let give;
  let signal;
  const w = new World(t, { getToken: (context) => { ({ signal } = context); return new Promise((resolve) => { give = resolve; }); } });
  void w.seat.join();
  w.seat.close();
  assert.equal(signal.aborted, true);
  give('late');
  await settled();
  assert.equal(w.sockets.length, 0);
});

test('a WebSocket that throws does not tell the token', async (t) => {
  class Throws {
    constructor(_, protocols) { throw new SyntaxError(`The subprotocol '${protocols[1]}' is invalid.`); }
  }
  const w = new World(t, { WebSocket: Throws });
  void w.seat.join();
  await settled();
  assert.equal(w.seat.state, 'connecting');
  assert.doesNotMatch(String(w.seat.current.error.stack), /token-1/);
});

test('nothing that is shown has a token in it', async (t) => {
  const w = new World(t);
  const said = t.mock.method(console, 'log');
  for (const level of ['error', 'warn', 'info', 'debug']) t.mock.method(console, level, said);
  await w.sits({ resume_token: 'resume-secret' });
  await w.last.breaks();
  await w.passes(0);
  await w.last.breaks();
  await w.passes(60_000);
  assert.doesNotMatch(JSON.stringify([w.changes, w.sockets.map((s) => s.url)]), /token-|resume-secret/);
  assert.equal(said.mock.callCount(), 0);
});

test('without a WebSocket a join is refused', async () => {
  const seat = createSeat({ url: 'wss://seats.example', getToken: () => 'token' });
  const own = globalThis.WebSocket;
  delete globalThis.WebSocket;
  try {
    await assert.rejects(seat.join(), { code: 'invalid' });
  } finally {
    if (own) globalThis.WebSocket = own;
  }
});

test('an address that is none is refused when the seat is made', () => {
  assert.throws(() => createSeat({ url: 'not an address', getToken: () => 'token' }), TypeError);
});

const garbage = [
  '', 'not json', 'null', '42', '"text"', '[]', '{}', '{"type":null}', '{"type":"unheard of"}', '{"type":"__proto__"}', '{"type":"pong"}',
  '{"type":"lobby"}', '{"type":"error"}', '{"type":"refused","code":"seats_exhausted","detail":"unasked"}', 'x'.repeat(1 << 17),
];
test('garbage changes nothing', async (t) => {
  const w = new World(t);
  await w.sits();
  const before = w.changes.length;
  for (const text of garbage) await w.last.says(text);
  for (const data of [new ArrayBuffer(4), undefined, {}]) w.last.onmessage({ data });
  assert.equal(w.changes.length, before);
  assert.deepEqual(w.last.asked, ['join']);
  void w.seat.leave();
  await w.last.says(lobby);
  assert.equal(w.seat.state, 'lobby');
});

test('members of other types than described do no harm', async (t) => {
  const w = new World(t, { wait: true });
  void w.joins();
  await settled();
  const odd = [null, {}, [], 'x', -1, 1e300, true];
  for (const value of odd) {
    await w.last.says({ type: 'queued', position: value, since: value, conference: value, resume_token: value });
    await w.last.says({ type: 'admitted', limit: value, in_use: value, grace_seconds: value, expires_at: value, ping_within_seconds: value, resume_token: 7 });
  }
  assert.equal(w.seat.state, 'seated');
  await w.passes(1);
  assert.equal(w.sockets.length, 1);
  await w.last.breaks();
  await w.passes(1000);
  assert.equal(w.sockets.length, 2);
});

test('refusals without members are refusals', async (t) => {
  const w = new World(t);
  const joined = w.joins();
  await settled();
  await w.last.says({ type: 'refused', retry_after_seconds: 'soon' });
  await assert.rejects(joined, { code: '' });
});

test('a time to wait that overflows is not no time', async (t) => {
  const w = new World(t);
  void w.joins();
  await settled();
  await w.last.says(refused('unavailable', { retry_after_seconds: 1e9 }));
  await w.passes(3599_000);
  assert.deepEqual(w.last.asked.filter((a) => a === 'join'), ['join']);
});

test('a server that answers a join by the lobby is asked ever less', async (t) => {
  const w = new World(t);
  void w.joins();
  await settled();
  for (let n = 0; n < 100; n++) {
    await w.last.says(lobby);
    await w.passes(1000);
  }
  assert.ok(w.last.asked.length < 40, `${w.last.asked.length} joins`);
});

test('a seat that comes after leave is given back', async (t) => {
  const w = new World(t, { wait: true });
  void w.joins();
  await settled();
  await w.last.says(queued(1));
  void w.seat.leave();
  await w.last.says(lobby);
  await w.last.says(admitted); // out of order
  assert.deepEqual(w.last.asked, ['join', 'leave', 'leave']);
  await w.last.says(lobby);
  assert.equal(w.seat.state, 'lobby');
});

test('an old connection is not heard any more', async (t) => {
  const w = new World(t);
  await w.sits();
  const { onmessage, onclose } = w.last;
  await w.last.breaks();
  await w.passes(0);
  await w.resumes();
  const before = w.changes.length;
  onclose({ code: 1006 }); // from a queue of the browser's
  onmessage({ data: JSON.stringify({ type: 'removed', detail: 'late' }) });
  await settled();
  assert.equal(w.seat.state, 'seated');
  assert.equal(w.changes.length, before);
});

test('a listener that throws stops neither others nor the seat', async (t) => {
  const w = new World(t);
  const heard = [];
  const said = t.mock.method(console, 'error', () => {});
  w.seat.on('change', () => { throw new Error('of the page'); });
  w.seat.on('change', (c) => heard.push(c.state));
  w.seat.close();
  assert.deepEqual(heard, ['closed']);
  assert.match(said.mock.calls[0].arguments[0].message, /of the page/);
});

test('a listener may do anything', async (t) => {
  for (const act of ['close', 'leave', 'reconnect', 'join']) {
    for (const at of ['connecting', 'lobby', 'seated', 'reconnecting']) {
      await t.test(`${act} when ${at}`, async (t) => {
        const w = new World(t);
        let once = true;
        w.seat.on('change', (c) => { if (once && c.state === at) { once = false; void w.seat[act](); } });
        void w.seat.join();
        for (let n = 0; n < 8; n++) {
          await w.passes(1000);
          if (w.last && w.open.length && !w.last.asked.length) await w.last.opens();
          const asked = w.last?.asked.at(-1);
          if (w.open.length && asked) await w.last.says(asked === 'leave' ? lobby : admitted);
          if (n === 4 && w.open.length && at === 'reconnecting') await w.last.breaks();
        }
        assert.ok({ close: ['closed'], leave: ['lobby', 'idle'], reconnect: ['seated'], join: ['seated'] }[act].includes(w.seat.state), w.seat.state);
        assert.ok(w.open.length <= 1);
      });
    }
  }
});

test('off takes away one listener only', async (t) => {
  const w = new World(t);
  const heard = [];
  const listener = () => heard.push(1);
  const off = w.seat.on('change', listener);
  w.seat.on('change', listener);
  off();
  off();
  w.seat.close();
  assert.equal(heard.length, 1);
});

test('a retry policy that throws, or gives nonsense, does not stop it', async (t) => {
  for (const policy of [() => { throw new Error('of the page'); }, () => NaN, () => -5, () => undefined, () => 'soon']) {
    await t.test(String(policy), async (t) => {
      const w = new World(t, { retry: policy });
      t.mock.method(console, 'error', () => {});
      void w.seat.join();
      await settled();
      await w.last.breaks();
      await w.passes(30_000);
      assert.equal(w.sockets.length, 2);
    });
  }
});

test('a clock set back an hour delays no retry', async (t) => {
  const w = new World(t, { retry: () => 1000 });
  void w.joins();
  await settled();
  await w.last.says(refused('unavailable', { retry_after_seconds: 5 }));
  w.sleeps(-3600_000);
  await w.last.breaks();
  await w.passes(6000);
  assert.equal(w.sockets.length, 2);
});

test('no listeners and no timers are left behind', async (t) => {
  const w = new World(t, {}, { hidden: false });
  const added = t.mock.method(w.page, 'addEventListener');
  await w.sits();
  w.seat.close();
  w.page.dispatchEvent(new Event('online'));
  await w.passes(3 * 3600_000);
  assert.deepEqual([w.sockets.length, w.seat.state], [1, 'closed']);
  assert.ok(added.mock.callCount() > 0);
});

test('a position that comes after the seat is not heard', async (t) => {
  const w = new World(t, { wait: true });
  void w.joins();
  await settled();
  await w.last.says(queued(1));
  await w.last.says(admitted);
  await w.last.says(queued(1)); // out of order
  assert.equal(w.seat.state, 'seated');
  await w.last.breaks();
  await w.passes(0);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-1']);
});

for (const code of ['unavailable', 'seats_exhausted']) {
  test(`close when told of ${code} is final`, async (t) => {
    const w = new World(t);
    w.seat.on('change', (c) => c.state === 'refused' && w.seat.close());
    void w.joins();
    await settled();
    await w.last.says(refused(code));
    await w.passes(3600_000);
    assert.deepEqual([w.seat.state, w.sockets.length, w.last.closedWith], ['closed', 1, 1000]);
  });
}

test('join when told of the end begins anew', async (t) => {
  const w = new World(t);
  await w.sits();
  let again;
  w.seat.on('change', (c) => { if (c.state === 'ended') again = w.seat.join(); });
  await w.last.says({ type: 'conference_ended' });
  await w.resumes();
  assert.equal((await again).state, 'seated');
});

test('a policy that gives up ends a refusal for now too', async (t) => {
  const w = new World(t, { retry: () => null });
  const joined = w.joins();
  await settled();
  await w.last.says(refused('unavailable'));
  await assert.rejects(joined, { code: 'unavailable' });
  assert.equal(w.seat.current.retrying, false);
});

test('a page that was frozen finds its connection closed at once', async (t) => {
  const w = new World(t, {}, { hidden: false });
  await w.sits();
  w.last.readyState = 3;
  w.page.dispatchEvent(new Event('pageshow'));
  await w.passes(0);
  assert.equal(w.sockets.length, 2);
});

test('a server that wants a ping all the time has one each second', async (t) => {
  const w = new World(t);
  await w.sits({ ping_within_seconds: 1e-9 });
  for (let n = 0; n < 50; n++) { await w.passes(100); await w.last.says({ type: 'pong' }); }
  assert.ok(w.last.asked.filter((a) => a === 'ping').length <= 5);
});
