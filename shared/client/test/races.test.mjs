// Events in an order, and with a timing, that nobody wishes for.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createSeat } from '../dist/index.js';
import { admitted, lobby, queued, random, refused, settled, World } from './fake.mjs';

const error = (code, more) => ({ ...refused(code, more), type: 'error' });

test('a join after a leave that stopped a hand-over joins', async (t) => {
  const w = new World(t, { retry: () => 1000 });
  await w.sits();
  w.seat.reconnect();
  await settled();
  const [old, fresh] = w.sockets;
  const left = w.seat.leave();
  await old.says(lobby);
  await left;
  const joined = w.seat.join();
  await fresh.breaks(); // its resume token is void
  for (let n = 0; n < 5 && w.seat.state !== 'seated'; n++) {
    await w.passes(1000);
    if (w.last !== old && !w.last.asked.length && w.open.includes(w.last)) await w.last.opens();
    for (const socket of w.open) {
      const asked = socket.asked.at(-1);
      if (asked === 'join') await socket.says(admitted);
      else if (asked === 'status') await socket.says(lobby);
    }
  }
  assert.equal(w.seat.state, 'seated');
  await joined;
  assert.equal(w.open.length, 1);
});

test('leave while reconnecting is asked again after an error', async (t) => {
  const w = new World(t, { retry: () => 1000 });
  await w.sits();
  await w.last.breaks();
  const left = w.seat.leave();
  await w.passes(1000);
  await w.last.opens();
  await w.last.says(error('unavailable'));
  await w.passes(1000);
  assert.deepEqual(w.last.asked, ['leave', 'leave']);
  await w.last.says(lobby);
  await left;
  assert.equal(w.seat.state, 'lobby');
});

test('a leave is over when a join after it has the seat', async (t) => {
  const w = new World(t);
  await w.sits();
  await w.last.breaks();
  let left = false;
  void w.seat.leave().then(() => { left = true; });
  void w.seat.join();
  await w.passes(0);
  await w.resumes();
  assert.deepEqual([w.seat.state, left], ['seated', true]);
});

for (const [action, arrange] of [
  ['leave', async (w) => { await w.sits(); void w.seat.leave(); await w.last.says(error('rate_limited', { retry_after_seconds: 20 })); }],
  ['status', async (w) => {
    await w.sits();
    w.seat.reconnect();
    await settled();
    await w.last.opens();
    await w.last.says(error('rate_limited', { retry_after_seconds: 20 }));
  }],
]) {
  test(`${action} is not asked again sooner than the server said`, async (t) => {
    const w = new World(t, { retry: () => 0 });
    await arrange(w);
    const asks = () => w.sockets.length + w.sockets.flatMap((s) => s.asked).filter((a) => a === action).length;
    const before = asks();
    await w.passes(19_999);
    assert.equal(asks(), before);
    await w.passes(1);
    assert.equal(asks(), before + 1);
  });
}

for (const [name, values] of Object.entries({
  timeoutSeconds: [NaN, 0, -1, '15'], pingSeconds: [NaN, 0, -1, '5'], connectionSeconds: [NaN, 0, -1, '60'],
})) {
  for (const value of values) {
    test(`${name} of ${typeof value} ${value} makes no seat`, () => {
      assert.throws(() => createSeat({ url: 'wss://seats.example', getToken: () => 'token', [name]: value }), RangeError);
    });
  }
}

test('a time-out without an end is not none', async (t) => {
  let give;
  const w = new World(t, { timeoutSeconds: Infinity, getToken: () => new Promise((resolve) => { give = resolve; }) });
  const joined = w.seat.join();
  await w.passes(3600_000);
  assert.equal(w.seat.current.error, undefined);
  give('token');
  await settled();
  await w.resumes();
  assert.equal((await joined).state, 'seated');
});

for (const policy of [() => NaN, () => undefined, (attempt) => [0][attempt], () => 'soon']) {
  test(`a retry policy that gives nonsense, ${policy}, makes no storm`, async (t) => {
    const w = new World(t, { retry: policy });
    void w.seat.join();
    await settled();
    for (let n = 0; n < 60; n++) {
      if (w.open.length) await w.last.breaks();
      await w.passes(1000);
    }
    assert.ok(w.sockets.length <= 3, `${w.sockets.length} connections in a minute`);
  });
}

test('pings more often than the time-out find a half-open connection', async (t) => {
  const w = new World(t, { pingSeconds: 5, timeoutSeconds: 15 });
  await w.sits();
  for (let n = 0; n < 25; n++) await w.passes(1000);
  assert.equal(w.sockets[0].closedWith, 4000);
  assert.equal(w.sockets.length, 2);
});

test('each listener hears changes in their order, and all', async (t) => {
  const w = new World(t);
  w.changes.length = 0;
  const heard = [];
  const seat = createSeat(w.options);
  seat.on('change', (c) => c.state === 'lobby' && seat.close());
  seat.on('change', (c) => heard.push(c.state));
  void seat.join();
  await settled();
  await w.last.opens();
  assert.deepEqual(heard, ['connecting', 'lobby', 'closed']);
});

test('close when told of the lobby before another try is final', async (t) => {
  const w = new World(t, { retry: () => 1000 });
  void w.joins();
  await settled();
  await w.last.says(refused('unavailable'));
  w.seat.on('change', (c) => c.state === 'lobby' && w.seat.close());
  await w.passes(1000);
  assert.deepEqual([w.seat.state, w.open.length], ['closed', 0]);
});

test('close when told of connecting asks for no token', async (t) => {
  const w = new World(t);
  w.seat.on('change', (c) => c.state === 'connecting' && w.seat.close());
  void w.seat.join();
  await settled();
  assert.deepEqual([w.tokens, w.seat.state], [0, 'closed']);
});

test('reconnect joins when the seat that was held is gone', async (t) => {
  const w = new World(t, { retry: () => 1000 });
  await w.sits({ grace_seconds: 5 });
  await w.last.breaks();
  await w.passes(1000);
  await w.last.opens();
  await w.last.says(refused('unavailable'));
  w.seat.reconnect();
  await settled();
  for (let n = 0; n < 20 && w.seat.state !== 'seated'; n++) {
    if (w.open.includes(w.last) && w.last.protocols.length < 3) await w.last.breaks(); // a resume token alone does not do
    else if (w.open.includes(w.last)) {
      if (!w.last.asked.length) await w.last.opens();
      await w.last.says(w.last.asked.at(-1) === 'join' ? admitted : lobby);
    }
    await w.passes(1000);
  }
  assert.equal(w.seat.state, 'seated');
  assert.equal(w.open.length, 1);
});

const ends = {
  'a token that is none': [{ getToken: () => null }, async (w) => { void w.seat.join(); await settled(); }],
  'a refusal': [{}, async (w) => { void w.joins(); await settled(); await w.last.says(refused('seats_exhausted')); }],
};
for (const [how, [options, arrange]] of Object.entries(ends)) {
  test(`nothing is heard of the page after ${how}`, async (t) => {
    const w = new World(t, options, { hidden: false });
    const [added, removed] = ['addEventListener', 'removeEventListener'].map((name) => t.mock.method(w.page, name));
    for (const name of ['addEventListener', 'removeEventListener']) globalThis[name] = w.page[name].bind(w.page);
    await arrange(w);
    assert.equal(w.seat.state, 'refused');
    assert.ok(removed.mock.callCount() >= 3 && added.mock.callCount() >= 3);
  });
}

test('a join after a refusal hears of the page again', async (t) => {
  const w = new World(t, { retry: () => 25_000 }, { hidden: false });
  void w.joins();
  await settled();
  await w.last.says(refused('seats_exhausted'));
  void w.seat.join();
  await w.last.says(admitted);
  await w.last.breaks();
  w.page.dispatchEvent(new Event('online'));
  await w.passes(0);
  assert.equal(w.sockets.length, 2);
});

test('close lets a process end while getToken hangs', async () => {
  const script = `
    import { createSeat } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    const seat = createSeat({ url: 'wss://seats.example', getToken: () => new Promise(() => {}), timeoutSeconds: 3600, WebSocket: class {} });
    void seat.join();
    await null;
    seat.close();`;
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 10_000 });
});

test('a join that is not answered keeps no seat that nobody can resume', async (t) => {
  for (const how of [(w) => w.passes(15_000), (w) => { w.seat.reconnect(); return settled(); }]) {
    await t.test(String(how), async (t) => {
      const w = new World(t);
      void w.joins();
      await settled();
      await how(w);
      assert.equal(w.sockets[0].closedWith, 1000);
    });
  }
});

test('a resumed seat is kept when the answer does not come', async (t) => {
  const w = new World(t);
  await w.sits();
  await w.last.breaks();
  await w.passes(0);
  await w.last.opens();
  await w.passes(15_000);
  assert.equal(w.sockets[1].closedWith, 4000);
});

test('a connection that is lost while a hidden page waits for the host rests', async (t) => {
  const w = new World(t, { wait: true }, { hidden: true });
  void w.joins();
  await settled();
  await w.last.says(refused('conference_not_live'));
  await w.last.breaks();
  await w.passes(3600_000);
  assert.equal(w.sockets.length, 1);
  await w.page_is('visible');
  assert.equal(w.sockets.length, 2);
});

test('a join after giving up is not told of an old removal', async (t) => {
  const w = new World(t, { retry: () => null });
  await w.sits();
  w.seat.reconnect();
  await settled();
  await w.sockets[0].says({ type: 'removed', detail: 'Another connection has taken over the seat.' });
  await w.last.breaks();
  assert.equal(w.seat.current.code, 'unavailable');
  void w.joins();
  await settled();
  assert.deepEqual(w.last.asked, ['join']);
});

test('a refusal that crosses leave and join drops a hand-over', async (t) => {
  const w = new World(t);
  await w.sits();
  w.seat.reconnect();
  await settled();
  const [old, fresh] = w.sockets;
  void w.seat.leave();
  const joined = w.seat.join();
  await old.says(refused('license_expired'));
  await assert.rejects(joined, { code: 'license_expired' });
  assert.equal(fresh.closedWith, 1000);
});

/** What a seat may go through, and the server's honest answers. */
const steps = [
  (w) => void w.seat.join(), (w) => void w.seat.leave(), (w) => w.seat.reconnect(), (w) => w.seat.close(),
  (w, pick) => w.passes([0, 10, 1000, 15_000, 40_000, 2 * 3600_000][pick(6)]),
  (w) => w.open.find((s) => !s.opened && (s.opened = true))?.opens(),
  (w, pick) => w.open[pick(w.open.length)]?.breaks(),
  (w, pick) => answer(w.open[pick(w.open.length)], pick),
  (w, pick) => answer(w.open[pick(w.open.length)], pick),
  (w, pick) => w.open[pick(w.open.length)]?.says([
    { type: 'conference_ended' }, { type: 'removed', detail: 'gone' }, { type: 'conference_live' }, queued(1), admitted, lobby, refused('unavailable'),
  ][pick(7)]),
  (w, pick) => w.page_is(['hidden', 'visible'][pick(2)]),
  (w) => w.page.dispatchEvent(new Event('online')),
];
function answer(socket, pick) {
  const asked = socket?.asked.at(-1);
  if (asked === 'leave') return socket.says([lobby, lobby, error('unavailable')][pick(3)]);
  if (asked === 'status') return socket.says([admitted, lobby][pick(2)]);
  if (asked === 'join') return socket.says([admitted, queued(3), refused('seats_exhausted'), refused('rate_limited'), refused('conference_not_live')][pick(5)]);
  return socket?.says({ type: 'pong' });
}

test('whatever happens, a join ends in a seat once the server is well', async (t) => {
  for (let seed = 1; seed <= 200; seed++) {
    await t.test(`seed ${seed}`, async (t) => {
      const w = new World(t, { wait: seed % 2 === 0 }, { hidden: false });
      const pick = random(seed);
      const done = [];
      for (let n = 0; n < 30; n++) {
        const step = pick(steps.length);
        done.push(step);
        await steps[step](w, pick);
        const most = ['idle', 'ended', 'removed', 'closed'].includes(w.seat.state) ? 0 : 2;
        assert.ok(w.open.length <= most, `${w.open.length} connections after ${done}`);
      }
      await w.page_is('visible');
      let over = false;
      void Promise.all([w.seat.leave(), w.seat.join()]).then(() => { over = true; });
      for (let n = 0; n < 200 && !over; n++) {
        for (const socket of w.open) {
          if (!socket.opened) { socket.opened = true; await socket.opens(); }
          const asked = socket.asked.filter((a) => a !== 'ping').at(-1);
          if (asked) await socket.says(asked === 'leave' ? lobby : admitted);
        }
        await w.passes(5000);
      }
      assert.ok(over, `a call is pending after ${done}`);
      assert.equal(w.seat.state, 'seated', `after ${done}`);
      assert.equal(w.open.length, 1, `after ${done}`);
    });
  }
});
