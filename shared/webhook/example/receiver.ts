// A receiver of Seatmeter's webhooks. Run it with Node.js 22.18 or newer, or by tsx:
//
//   npm install standardwebhooks
//   WEBHOOK_SECRET=whsec_… node receiver.ts
import { type IncomingMessage, type Server, createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

/** What all events have. The API's documentation says what the `data` of each type has. */
export interface SeatmeterEvent {
  id: string;
  source: string;
  type: string;
  time: string;
  data: Record<string, unknown>;
}

const mostBytes = 64 * 1024;

/** Makes the receiver. `work` gets each event once. */
export function createReceiver(secret: string, work: (event: SeatmeterEvent) => void): Server {
  const webhook = new Webhook(secret);
  // An event can come twice, with the same id. Use a database, so that this outlives the process: keep an id for two days.
  const seen = new Set<string>();
  return createServer(async (request, response) => {
    const answer = (status: number) => response.writeHead(status).end();
    if (request.method !== 'POST') return answer(405);
    let event: SeatmeterEvent;
    try {
      // Verify the very bytes that came, before anything reads them. It also refuses a call older than five minutes.
      event = webhook.verify(await read(request), request.headers as Record<string, string>) as SeatmeterEvent;
    } catch {
      return answer(401);
    }
    if (!seen.has(event.id)) {
      seen.add(event.id);
      // Seatmeter waits for ten seconds. So only put the event into a queue that outlives the process, and answer.
      setImmediate(work, event);
    }
    return answer(204);
  });
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** What to do about an event. */
export function handle({ type, source, data }: SeatmeterEvent): void {
  switch (type) {
    case 'seatmeter.seats.threshold':
      return console.log(`${source}: ${data.in_use} of ${data.limit} seats in use, ${data.direction} across ${data.percent} %`);
    case 'seatmeter.seats.exhausted':
      return console.log(`${source}: all seats are taken`);
    case 'seatmeter.license.changed':
      return console.log(`${source}: revision ${data.revision} of the license`);
    case 'seatmeter.license.expiring':
      return console.log(`${source}: the license expires in ${data.days} days`);
    case 'seatmeter.conference.live':
    case 'seatmeter.conference.ended':
      return console.log(`${source}: ${type} ${data.conference}`);
    case 'seatmeter.statement.closed':
      return console.log(`${source}: revision ${data.revision} of the statement of ${data.period}`);
    case 'seatmeter.host.added':
    case 'seatmeter.host.removed':
      return console.log(`${source}: ${type}`); // whose address is in data.email
    case 'seatmeter.webhook.test':
      return console.log(`${source}: a test`);
    default: // a type that is newer than this receiver
      return undefined;
  }
}

if (process.env.WEBHOOK_SECRET) createReceiver(process.env.WEBHOOK_SECRET, handle).listen(8080, '127.0.0.1');
