// A tenant of the local stack for each test, and people of it behind a network that fails.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { createSeat } from '../dist/index.js';
import { Proxy } from './proxy.mjs';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

export class NodeSocket extends WebSocket {
  constructor(url, protocols) { super(url, protocols, { perMessageDeflate: false }); }
}

export class Stack {
  constructor({ http, websocket, data }) {
    Object.assign(this, { http, websocket });
    this.bearer = execFileSync(`${root}/scripts/token`, ['--role', 'vendor', '--data', data], { encoding: 'utf8' }).trim();
  }

  static own() {
    const { SEATMETER_HTTP: http, SEATMETER_WEBSOCKET: websocket, SEATMETER_DATA: data } = process.env;
    return new Stack({ http, websocket, data });
  }

  async call(method, path, body) {
    const answer = await fetch(this.http + path, {
      method,
      headers: { authorization: `Bearer ${this.bearer}`, 'content-type': 'application/json', accept: 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }
}

/** A stack as ./scripts/dev runs it, for one test. */
export async function dev(t, ...flags) {
  const data = mkdtempSync(join(tmpdir(), 'seatmeter-client-'));
  const stack = spawn(`${root}/scripts/dev`, [
    '--store', 'memory', '--no-history', '--http-port', '0', '--ws-port', '0', '--data', data, ...flags,
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  stack.stderr.setEncoding('utf8').on('data', (more) => { said = (said + more).slice(-2000); });
  let ended = false;
  const over = new Promise((resolve) => stack.once('exit', () => { ended = true; resolve(); }));
  t.after(async () => {
    stack.kill('SIGINT');
    await over;
    rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  });
  const file = join(data, 'endpoints.json');
  await until('the stack runs', () => {
    if (ended) throw new Error(`the stack has ended: ${said}`);
    return existsSync(file);
  }, 300_000);
  return new Stack({ ...JSON.parse(readFileSync(file, 'utf8')), data });
}

/** The address of a database for one test. */
export async function engine(t) {
  const running = spawn(`${root}/scripts/seatmeter`, ['engine', '--', 'sh', '-c', 'echo $DYNAMODB_ENDPOINT; cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  t.after(() => running.stdin.end());
  for await (const line of createInterface(running.stdout)) return line;
  throw new Error('There is no database: see scripts/seatmeter engine.');
}

let tenants = 0;

/** A tenant with one conference. */
export class Tenant {
  #seats = [];
  #proxies = [];

  constructor(stack, license) {
    Object.assign(this, { stack, license, name: `client-${process.pid}-${++tenants}`, conference: 'weekly', host: 'ann@client.example' });
  }

  static async make(t, stack, license, conference = {}) {
    const tenant = new Tenant(stack, license);
    t.after(() => tenant.close());
    await tenant.put(license);
    if (license.model === 'named') await tenant.call('POST', '/hosts', { email: tenant.host, name: 'Ann' });
    await tenant.schedule(tenant.conference, conference);
    return tenant;
  }

  call(method, path, body) { return this.stack.call(method, `/v1/tenants/${this.name}${path}`, body); }

  put(license) { return this.call('PUT', '/license', license); }

  schedule(conference, more = {}) { return this.call('POST', '/conferences', { conference, host: this.host, ...more }); }

  async token(identity, { role = 'participant', conference = this.conference } = {}) {
    return (await this.call('POST', `/conferences/${conference}/join-tokens`, { identity, role, expires_in_seconds: 86400 })).token;
  }

  async network() {
    const proxy = await Proxy.to(this.stack.websocket);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** A seat of a person, who has a token of that name. */
  person(identity, { url = this.stack.websocket, role, conference, ...options } = {}) {
    const person = createSeat({ url, WebSocket: NodeSocket, getToken: () => this.token(identity, { role, conference }), ...options });
    person.history = [];
    person.on('change', (change) => person.history.push({ ...change, at: Date.now() }));
    this.#seats.push(person);
    return person;
  }

  people(count, options) { return Array.from({ length: count }, (_, n) => this.person(`person-${n}@client.example`, options)); }

  seats() { return this.call('GET', '/seats'); }

  /** Everything of a list, page by page. */
  async list(path) {
    const all = [];
    let cursor;
    do {
      const page = await this.call('GET', `${path}${path.includes('?') ? '&' : '?'}limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
      all.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return all;
  }

  connections() { return this.list(`/conferences/${this.conference}/connections`); }

  stays(since) {
    const to = new Date(Date.now() + 60_000).toISOString();
    return this.list(`/ledger?from=${new Date(since).toISOString()}&to=${to}`).then((all) => all.filter((r) => r.kind === 'stay'));
  }

  close() {
    for (const seat of this.#seats) seat.close();
    for (const proxy of this.#proxies) proxy.close();
  }
}

/** Waits until something is so; if it never is, the error says what there is instead. */
export async function until(what, is, withinMs = 120_000, instead) {
  const end = Date.now() + withinMs;
  for (;;) {
    const seen = await is();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`waited ${withinMs / 1000} s until ${what}${instead ? `; instead: ${JSON.stringify(await instead())}` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Passes time in which something must not happen. */
export const pass = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const all = (people, state) => until(
  `all are ${state}`, () => people.every((p) => p.state === state), 200_000, () => people.map((p) => p.current).filter((c) => c.state !== state).slice(0, 5),
);
