import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitted, lobby, settled, World } from './fake.mjs';

const hours = 3600_000;

/** Passes the time, with every ping answered, until another connection is made. */
async function untilHandOver(w) {
  const [before, from] = [w.sockets.length, Date.now()];
  while (w.sockets.length === before && Date.now() - from < 3 * hours) {
    await w.passes(10_000);
    for (const socket of w.open) await socket.says({ type: 'pong' });
  }
  return Date.now() - from;
}

test('hands over before two hours, with the old connection open', async (t) => {
  const w = new World(t);
  await w.sits({ expires_at: new Date(Date.now() + 2 * hours).toISOString() });
  const after = await untilHandOver(w);
  assert.ok(after > 1.6 * hours && after < 1.95 * hours, `after ${after} ms`);
  const [old, fresh] = w.sockets;
  assert.deepEqual(fresh.protocols, ['seatmeter.v1', 'resume.resume-1']);
  await fresh.opens();
  assert.deepEqual(fresh.asked, ['status']);
  assert.equal(old.closedWith, undefined);
  assert.equal(w.seat.state, 'seated');
  await fresh.says({ ...admitted, connection_id: 'two', resume_token: 'resume-2' });
  assert.equal(old.closedWith, 4000);
  assert.equal(w.seat.current.connectionId, 'two');
  assert.deepEqual(w.states.filter((s) => s === 'reconnecting'), []);
  await untilHandOver(w);
  assert.deepEqual(w.last.protocols, ['seatmeter.v1', 'resume.resume-2']);
});

test('hands over sooner where the connection ends sooner', async (t) => {
  const w = new World(t);
  await w.sits({ expires_at: new Date(Date.now() + 600_000).toISOString() });
  assert.ok((await untilHandOver(w)) < 600_000);
});

for (const [clock, off] of [['fast', -5 * hours], ['slow', 5 * hours]]) {
  test(`a clock that is ${clock} hands over by the platform's two hours`, async (t) => {
    const w = new World(t);
    await w.sits({ expires_at: new Date(Date.now() + 2 * hours + off).toISOString() });
    const after = await untilHandOver(w);
    assert.ok(after > 1.6 * hours && after < 1.95 * hours, `after ${after} ms`);
  });
}

test('a clock that is wrong by almost two hours does not hand over all the time', async (t) => {
  const w = new World(t);
  const soon = () => new Date(Date.now() + 5000).toISOString();
  await w.sits({ expires_at: soon() });
  for (let n = 0; n < 5; n++) {
    await untilHandOver(w);
    await w.resumes({ expires_at: soon() });
  }
  assert.ok((await untilHandOver(w)) >= 60_000);
});

async function handingOver(t, options) {
  const w = new World(t, options);
  await w.sits();
  w.seat.reconnect();
  await settled();
  assert.equal(w.sockets.length, 2);
  return [w, ...w.sockets];
}

test('that the old connection is replaced is no removal', async (t) => {
  const [w, old, fresh] = await handingOver(t);
  await old.says({ type: 'removed', detail: 'Another connection has taken over the seat.' });
  assert.equal(w.seat.state, 'seated');
  await fresh.opens();
  await fresh.says(admitted);
  assert.equal(w.seat.state, 'seated');
  assert.deepEqual(w.states.filter((s) => s === 'removed'), []);
});

test('a removal while handing over is one', async (t) => {
  const [w, old, fresh] = await handingOver(t);
  await old.says({ type: 'removed', detail: 'An administrator removed you.' });
  await fresh.opens();
  assert.deepEqual(fresh.asked, ['status']);
  await fresh.says(lobby);
  assert.deepEqual(w.seat.current, { state: 'removed', detail: 'An administrator removed you.' });
  assert.equal(w.open.length, 0);
});

test('a hand-over that fails is tried again on the old seat', async (t) => {
  const [w, old, fresh] = await handingOver(t, { retry: () => 1000 });
  await fresh.breaks();
  assert.equal(w.seat.state, 'seated');
  await w.passes(1000);
  await w.last.opens();
  await w.last.says(lobby); // the seat was not handed over
  assert.equal(w.sockets[2].closedWith, 1000);
  assert.equal(old.closedWith, undefined);
  await w.passes(1000);
  await w.resumes();
  assert.deepEqual([w.sockets.length, w.open.length, w.seat.state], [4, 1, 'seated']);
});

test('an old connection that breaks while handing over is not missed', async (t) => {
  const [w, old, fresh] = await handingOver(t);
  await old.breaks();
  assert.equal(w.seat.state, 'reconnecting');
  await fresh.opens();
  await fresh.says(admitted);
  assert.deepEqual([w.sockets.length, w.seat.state], [2, 'seated']);
});

test('reconnect lets a hand-over that is open go on', async (t) => {
  const [w, , fresh] = await handingOver(t);
  await fresh.opens();
  w.seat.reconnect();
  await settled();
  assert.deepEqual([w.sockets.length, fresh.closedWith], [2, undefined]);
});

test('leave while handing over leaves no seat behind', async (t) => {
  const [w, old, fresh] = await handingOver(t);
  const left = w.seat.leave();
  assert.equal(old.asked.at(-1), 'leave');
  await old.says({ type: 'removed', detail: 'Another connection has taken over the seat.' });
  await fresh.opens();
  assert.deepEqual(fresh.asked, ['leave']);
  await fresh.says(lobby);
  await left;
  assert.deepEqual([w.seat.state, w.open.length], ['lobby', 1]);
});
