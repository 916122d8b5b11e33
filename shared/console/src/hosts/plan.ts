// What a list of hosts would change, line by line, before anything is changed.
import type { Row } from './csv.ts';

export interface Host { email: string; name: string; active: boolean }

/** What a named license still permits; absent under a concurrent one, which has no bound on hosts. */
export interface Slots { free: number; neverUsed: number; changesLeft: number }

export type Outcome = 'add' | 'rename' | 'same' | 'faulty' | 'no_slot';

export interface PlannedLine {
  line: number;
  email: string;
  name: string;
  outcome: Outcome;
  /** Why, in words. */
  why: string;
}

export function plan(rows: readonly Row[], hosts: readonly Host[], slots: Slots | undefined): PlannedLine[] {
  const there = new Map(hosts.map((host) => [canonical(host.email), host]));
  const seen = new Map<string, number>();
  const left = slots && { ...slots };
  return rows.map((row) => {
    const planned = (outcome: Outcome, why: string, email = row.email): PlannedLine => ({ line: row.line, email, name: row.name, outcome, why });
    const fault = row.fault ?? faultOf(row);
    if (fault) return planned('faulty', fault);
    const key = canonical(row.email)!;
    const before = seen.get(key);
    if (before !== undefined) return planned('faulty', `is on line ${before} already`);
    seen.set(key, row.line);
    const host = there.get(key);
    if (host && (!row.name || row.name === host.name)) return planned('same', 'is a host already', host.email);
    if (host) return planned('rename', `is called ${host.name} now`, host.email);
    const refusal = left && take(left);
    return refusal ? planned('no_slot', refusal) : planned('add', 'is new');
  });
}

/** Takes a slot for one more host, as the API does; says why there is none. */
function take(left: Slots): string {
  if (left.free <= 0) return 'the license has no free slot';
  if (left.neverUsed <= 0 && left.changesLeft <= 0) return 'the free slots had a host before, and no change is left this month';
  left.free--;
  if (left.neverUsed > 0) left.neverUsed--;
  else left.changesLeft--;
  return '';
}

const mostBytes = { email: 254, name: 200 };
const bytesOf = (text: string) => new TextEncoder().encode(text).length;
/** What a spreadsheet would run, if the list went back into one. */
const formula = /^[=+\-@\t\r]/;
// eslint-disable-next-line no-control-regex
const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffd]/;

function faultOf({ email, name }: Row): string {
  if (!email) return 'has no address';
  if (formula.test(email)) return 'has an address that a spreadsheet would run as a formula';
  if (canonical(email) === undefined) return 'has no e-mail address that can be one';
  if (bytesOf(email) > mostBytes.email) return `has an address of more than ${mostBytes.email} bytes`;
  if (formula.test(name)) return 'has a name that a spreadsheet would run as a formula';
  if (invisible.test(name)) return 'has a name with invisible characters';
  if (bytesOf(name) > mostBytes.name) return `has a name of more than ${mostBytes.name} bytes`;
  return '';
}

/** One form of all spellings of an address; undefined for what is none. The API decides, this only tells beforehand. */
export function canonical(email: string): string | undefined {
  const [, local, domain] = /^([^\s@#"\\/?<>()[\],;:]+)@([^\s@#"\\/?<>()[\],;:]+)$/.exec(email) ?? [];
  if (!local || !domain || invisible.test(email) || domain.endsWith('.') || !URL.canParse(`http://${domain}`)) return undefined;
  return `${local.normalize('NFC').toLowerCase()}@${new URL(`http://${domain}`).hostname}`;
}
