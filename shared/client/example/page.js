import { createSeat } from 'seatmeter-client';

// What the page's own server does: it knows who is there, and makes a join token for them.
async function ticket(identity) {
  const answer = await fetch('token', { method: 'POST', body: JSON.stringify({ identity }) });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.json();
}

const says = {
  idle: () => 'Not here.',
  connecting: () => 'Connecting …',
  lobby: () => 'In the lobby.',
  queued: (s) => `Waiting: ${s.position === 1 ? 'next' : `number ${s.position}`} in the queue.`,
  seated: (s) => `In the conference: ${s.inUse} of ${s.limit} seats were in use.`,
  reconnecting: (s) => `Connection lost; the seat is held until ${s.graceEndsAt ? new Date(s.graceEndsAt).toLocaleTimeString() : '–'}.`,
  refused: (s) => `${s.detail}${s.retrying ? ' Trying again …' : ''}`,
  ended: (s) => s.detail,
  removed: (s) => s.detail,
  closed: () => 'Has left.',
};

async function add(identity) {
  const item = document.getElementById('people').appendChild(document.createElement('li'));
  item.innerHTML = '<h2></h2><p role="status"></p><button>Join</button> <button>Leave</button> <button>Cut</button> <button>Close</button>';
  item.querySelector('h2').textContent = identity;

  let socket;
  class Cuttable extends WebSocket {
    constructor(...rest) {
      super(...rest);
      socket = this;
    }
  }
  const { url } = await ticket(identity);
  const seat = createSeat({ url, wait: true, WebSocket: Cuttable, getToken: async () => (await ticket(identity)).token });
  const show = (change) => {
    item.dataset.state = change.state;
    item.querySelector('p').textContent = says[change.state](change);
  };
  seat.on('change', show);
  const [join, leave, cut, close] = item.querySelectorAll('button');
  join.onclick = () => void seat.join();
  leave.onclick = () => void seat.leave();
  cut.onclick = () => socket?.close(4001); // as when the network is lost
  close.onclick = () => seat.close();
  show(seat.current);
  void seat.join();
}

const names = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gina', 'Hugo', 'Iris', 'Jon'];
let count = 0;
const another = () => {
  const name = names[count % names.length].toLowerCase();
  const turn = Math.floor(count++ / names.length);
  return add(`${name}${turn || ''}@example.org`);
};
document.getElementById('add').onclick = another;
for (let n = Number(new URLSearchParams(location.search).get('people')) || 1; n > 0; n--) await another();
