// A network between clients and the stack that cuts, delays, half-opens and drops.
import { createServer, connect } from 'node:net';

export class Proxy {
  #lines = new Set();
  #server;
  #target;
  /** Refuses connections. */
  down = false;
  /** Milliseconds by which each chunk is late. */
  delayMs = 0;
  refused = 0;

  static async to(address) {
    const proxy = new Proxy();
    const url = new URL(address);
    proxy.#target = { host: url.hostname, port: Number(url.port) };
    proxy.#server = createServer((client) => proxy.#accept(client));
    await new Promise((resolve) => proxy.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
    url.port = proxy.#server.address().port;
    proxy.url = url.href;
    return proxy;
  }

  get lines() { return this.#lines.size; }

  #accept(client) {
    client.on('error', () => {});
    if (this.down) {
      this.refused++;
      client.resetAndDestroy();
      return;
    }
    const line = { client, server: connect(this.#target), mute: false };
    this.#lines.add(line);
    const pipe = (from, to) => {
      from.setNoDelay(true);
      from.on('error', () => {});
      from.on('data', (chunk) => {
        if (line.mute) return;
        if (this.delayMs) setTimeout(() => to.writable && to.write(chunk), this.delayMs);
        else if (to.writable) to.write(chunk);
      });
      from.on('close', () => {
        if (line.mute) return;
        to.destroy();
        this.#lines.delete(line);
      });
    };
    pipe(client, line.server);
    pipe(line.server, client);
  }

  /** Cuts a share of the lines at both ends, without a close frame. */
  cut(share = 1) {
    for (const line of this.#some(share)) {
      line.client.destroy();
      line.server.destroy();
    }
  }

  /** Goes silent, with both ends left open. */
  halfOpen(share = 1) {
    for (const line of this.#some(share)) line.mute = true;
  }

  /** The server sees its end close; the client sees nothing. */
  loseServer(share = 1) {
    for (const line of this.#some(share)) {
      line.mute = true;
      line.server.destroy();
    }
  }

  #some(share) { return [...this.#lines].filter(() => Math.random() < share); }

  close() {
    this.down = true;
    this.#server.close();
    for (const line of this.#lines) {
      line.client.destroy();
      line.server.destroy();
    }
  }
}
