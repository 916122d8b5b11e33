import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from 'happy-dom';

// The page that React renders into has to be there before React is.
const page = new Window({ url: 'https://meet.example' });
for (const name of ['window', 'document', 'navigator', 'HTMLElement', 'Node', 'MutationObserver']) {
  Object.defineProperty(globalThis, name, { value: name === 'window' ? page : page[name], configurable: true, writable: true });
}
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const { createElement, StrictMode } = await import('react');
const { renderToString } = await import('react-dom/server');
const { act, cleanup, render } = await import('@testing-library/react');
const { createSeat } = await import('../dist/index.js');
const { useSeat } = await import('../dist/react.js');
const { admitted, queued, settled } = await import('./fake.mjs');

class Socket {
  static all = [];
  sent = [];
  constructor(url, protocols) {
    this.protocols = protocols;
    Socket.all.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close(code) { this.closedWith ??= code; }
}
const open = () => Socket.all.filter((socket) => socket.closedWith === undefined);
const says = (message) => act(async () => open()[0].onmessage({ data: JSON.stringify(message) }));

let renders = 0;
function Page({ options }) {
  const [seat] = useSeat(options);
  renders++;
  const position = seat.state === 'queued' ? ` ${seat.position}` : '';
  return createElement('p', null, seat.state + position);
}
const strict = (options) => createElement(StrictMode, null, createElement(Page, { options }));
const options = { url: 'wss://seats.example', getToken: () => 'token', WebSocket: Socket, wait: true, join: true };

test.afterEach(() => {
  cleanup();
  Socket.all = [];
});

test('renders, waits, is admitted and unmounts without leak, in strict mode', async (t) => {
  const said = t.mock.method(console, 'error');
  const view = render(strict(options));
  await act(settled);
  assert.equal(Socket.all.length, 1);
  assert.equal(view.container.textContent, 'connecting');
  await act(async () => Socket.all[0].onopen({}));
  assert.equal(view.container.textContent, 'lobby');
  await says(queued(2));
  assert.equal(view.container.textContent, 'queued 2');
  await says(admitted);
  assert.equal(view.container.textContent, 'seated');
  const before = renders;
  view.unmount();
  while (open().length) await settled();
  assert.equal(Socket.all[0].closedWith, 1000);
  assert.equal(renders, before);
  assert.equal(said.mock.callCount(), 0);
});

test('the latest getToken is asked', async () => {
  const view = render(strict({ ...options, join: false, getToken: () => 'old' }));
  let seat;
  function Joins({ options: o }) {
    [, seat] = useSeat(o);
    return null;
  }
  view.rerender(createElement(Joins, { options: { ...options, join: false, getToken: () => 'old' } }));
  view.rerender(createElement(Joins, { options: { ...options, join: false, getToken: () => 'new' } }));
  void seat.join();
  await act(settled);
  assert.deepEqual(Socket.all.map((socket) => socket.protocols[1]), ['token.new']);
});

test('a seat of the page outlives the component, which stops listening', async () => {
  const seat = createSeat(options);
  let listeners = 0;
  const { on } = seat;
  seat.on = (...rest) => {
    listeners++;
    const off = on.apply(seat, rest);
    return () => { listeners--; off(); };
  };
  const view = render(strict(seat));
  void seat.join();
  await act(settled);
  await act(async () => Socket.all[0].onopen({}));
  await says(admitted);
  assert.equal(view.container.textContent, 'seated');
  assert.ok(listeners > 0);
  view.unmount();
  await settled();
  assert.equal(listeners, 0);
  assert.equal(seat.state, 'seated');
  seat.close();
});

test('is idle on a server', () => {
  assert.match(renderToString(createElement(Page, { options })), /idle/);
  assert.equal(Socket.all.length, 0);
});
