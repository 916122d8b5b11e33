import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { Failure, NotCSV, apply, canonical, plan, readHosts } = await load('failure.ts', 'hosts/apply.ts', 'hosts/csv.ts', 'hosts/plan.ts');

const utf8 = (text) => new TextEncoder().encode(text);
const latin = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const utf16 = (text) => new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le'));
const ann = { line: 2, email: 'ann@x.example', name: 'Ann Müller' };

for (const [what, bytes, rows, encoding = 'UTF-8'] of [
  ['titles', utf8('email,name\nann@x.example,Ann Müller\n'), [ann]],
  ['a BOM', utf8('\ufeffEmail,Name\r\nann@x.example,Ann Müller\r\n'), [ann]],
  ['semicolons, as in German', utf8('Name;E-Mail\nAnn Müller;ann@x.example'), [ann]],
  ['tabs in UTF-16', utf16('email\tname\r\nann@x.example\tAnn Müller\r\n'), [ann], 'UTF-16'],
  ['Windows-1252', latin('email,name\nann@x.example,Ann M\xfcller\n'), [ann], 'Windows-1252'],
  ['a line that names the delimiter', utf8('sep=;\nann@x.example;Ann Müller'), [ann]],
  ['no titles', utf8('ann@x.example,Ann\nbob@x.example\n'), [{ line: 1, email: 'ann@x.example', name: 'Ann' }, { line: 2, email: 'bob@x.example', name: '' }]],
  ['empty lines and quotes over lines', utf8('email,name\n\n"ann@x.example","Ann\nMüller"\n,\nbob@x.example,"B ""B"""\n'), [
    { line: 3, email: 'ann@x.example', name: 'Ann\nMüller' }, { line: 6, email: 'bob@x.example', name: 'B "B"' },
  ]],
  ['an open quotation mark', utf8('email,name\nann@x.example,Ann\nbob@x.example,"Bob\n'), [
    { line: 2, email: 'ann@x.example', name: 'Ann' },
    { line: 3, email: 'bob@x.example', name: 'Bob', fault: 'has a quotation mark that does not close' },
  ]],
]) {
  test(`a file with ${what} is read`, () => assert.deepEqual(readHosts(bytes), { rows, encoding }));
}

for (const [what, bytes, says] of [
  ['a workbook', latin('PK\x03\x04...'), /workbook/],
  ['a PDF', latin('%PDF-1.7'), /PDF/],
  ['an image', latin('GIF89a\x00\x01@'), /no text/],
  ['an empty file', utf8(''), /empty/],
  ['prose', utf8('Dear all,\nplease find the list below.\n'), /e-mail address/],
]) {
  test(`${what} is refused with what to do`, () => assert.throws(() => readHosts(bytes), (error) => error instanceof NotCSV && says.test(error.message)));
}

const outcomes = (csv, hosts = [], slots = undefined) => plan(readHosts(utf8(`email,name\n${csv}`)).rows, hosts, slots).map((l) => `${l.line} ${l.outcome}`);
const known = [{ email: 'ann@x.example', name: 'Ann', active: true }];

test('the plan tells each line what would happen', () => {
  assert.deepEqual(outcomes('ann@x.example,Ann\nANN@X.example,Again\nbob@x.example,Bob\nBob@x.example,Twice\nnobody,Nobody\n=1+1@x.example,Eve\neve@x.example,=HYPERLINK()\n', known),
    ['2 same', '3 faulty', '4 add', '5 faulty', '6 faulty', '7 faulty', '8 faulty']);
  assert.deepEqual(outcomes('ann@x.example,Ann Bee\nann2@x.example,\n', known), ['2 rename', '3 add']);
});

test('the plan takes slots in order, then changes, then none', () => {
  const five = 'a@x.example\nb@x.example\nann@x.example\nc@x.example\nd@x.example\n';
  assert.deepEqual(outcomes(five, known, { free: 3, neverUsed: 1, changesLeft: 9 }), ['2 add', '3 add', '4 same', '5 add', '6 no_slot']);
  assert.deepEqual(outcomes(five, known, { free: 9, neverUsed: 1, changesLeft: 1 }), ['2 add', '3 add', '4 same', '5 no_slot', '6 no_slot']);
});

test('spellings of one address are one', () => {
  assert.equal(canonical('Ann@BÜCHER.example'), canonical('ann@xn--bcher-kva.example'));
  for (const bad of ['', 'ann', '@x', 'ann@', 'a b@x', 'a@b@c', 'a/b@x', 'a\u200bb@x.example', 'a@x..']) assert.equal(canonical(bad), undefined, bad);
});

test('100,000 lines are planned', () => {
  const csv = Array.from({ length: 100_000 }, (_, n) => `p${n}@x.example,Person ${n}`).join('\n');
  const lines = outcomes(csv);
  assert.equal(lines.length, 100_000);
  assert.equal(lines.at(-1), '100001 add');
});

const line = (n, outcome = 'add') => ({ line: n, email: `p${n}@x.example`, name: '', outcome, why: '' });

async function run(lines, calls, signal = new AbortController().signal) {
  const results = {};
  const waits = [];
  await apply(lines, calls, {
    run: 'R', signal, progress: (l, result) => { results[l.line] = result; }, pause: async (seconds) => { waits.push(seconds); },
  });
  return { results, waits };
}

test('a line that was slowed down is repeated with its key', async () => {
  const keys = [];
  const { results, waits } = await run([line(2)], {
    add: async (_, key) => {
      keys.push(key);
      if (keys.length < 3) throw new Failure('slow_down', 'Slow', '', { retryAfterSeconds: 4 });
    },
  });
  assert.deepEqual(results, { 2: 'done' });
  assert.equal(new Set(keys).size, 1);
  assert.deepEqual(waits, [4, 4]);
});

test('lines that change nothing make no call', async () => {
  const { results } = await run([line(2, 'same'), line(3, 'faulty'), line(4, 'no_slot'), line(5, 'rename')], { rename: async () => {} });
  assert.deepEqual(results, { 5: 'done' });
});

test('a run that is stopped begins no further line', async () => {
  const stop = new AbortController();
  const { results } = await run(Array.from({ length: 100 }, (_, n) => line(n)), { add: async () => stop.abort() }, stop.signal);
  assert.ok(Object.keys(results).length <= 3);
});
