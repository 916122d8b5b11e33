// The local stack, seen from a test: its tenants, their license and conferences, and people who join by WebSocket.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const { SEATMETER_HTTP: http, SEATMETER_DATA: data } = process.env;

let bearer;

/** A call as the vendor. */
export async function call(method, path, body) {
  bearer ??= execFileSync(`${root}/scripts/token`, ['--role', 'vendor', '--data', data], { encoding: 'utf8' }).trim();
  const answer = await fetch(http + path, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', accept: 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

let tenants = 0;

/** A tenant of a test's own, with a license. */
export class Tenant {
  constructor(name, license) { Object.assign(this, { name, license, people: [] }); }

  static async make(t, license = { model: 'concurrent', seats: 5 }, name = `console-${process.pid}-${++tenants}`) {
    const tenant = new Tenant(name, license);
    t.after(() => tenant.close());
    await tenant.call('PUT', '/license', license);
    return tenant;
  }

  call(method, path, body) { return call(method, `/v1/tenants/${this.name}${path}`, body); }

  schedule(conference, host = 'ann@console.example') { return this.call('POST', '/conferences', { conference, host }); }

  /** Adds a webhook at which nobody listens. */
  addWebhook() {
    return this.call('POST', '/webhooks', { url: 'http://127.0.0.1:9/hooks.console.example', types: ['seatmeter.host.added', 'seatmeter.seats.threshold'], description: 'Billing' });
  }

  /** Joins, and waits for what the server says: its first message. */
  async join(conference, identity, { role = 'participant', wait = false } = {}) {
    const { url } = await this.call('POST', `/conferences/${conference}/join-tokens`, { identity, role });
    const person = new Joined(identity, new WebSocket(`${url}${wait ? '&wait=true' : ''}`, { perMessageDeflate: false }));
    this.people.push(person);
    await person.settled;
    return person;
  }

  close() {
    for (const person of this.people) person.leave();
  }
}

class Joined {
  messages = [];
  /** The HTTP status of a refused handshake. */
  refused = 0;

  constructor(identity, socket) {
    Object.assign(this, { identity, socket });
    socket.on('open', () => socket.send('{"action":"status"}')); // the server says nothing unasked
    socket.on('message', (text) => this.messages.push(JSON.parse(text)));
    this.settled = new Promise((resolve) => {
      socket.once('message', resolve);
      socket.once('unexpected-response', (_, response) => {
        this.refused = response.statusCode;
        response.resume();
        resolve();
      });
      socket.on('error', resolve);
    });
  }

  leave() { this.socket.close(); }
}

/** Waits until something is so. */
export async function until(what, is, withinMs = 30_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const seen = await is();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`waited ${withinMs / 1000} s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
