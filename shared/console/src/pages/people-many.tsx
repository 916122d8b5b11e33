// Many hosts from a CSV file: first what would happen, line by line, then, on a button, it happens.
import { useRef, useState } from 'preact/hooks';
import { api, save, take } from '../api.ts';
import { type Result, apply } from '../hosts/apply.ts';
import { readHosts } from '../hosts/csv.ts';
import { type Host, type Outcome, type PlannedLine, type Slots, plan } from '../hosts/plan.ts';
import { useAction } from '../load.ts';
import { FailureNotice } from '../parts/notice.tsx';
import { SelectField } from '../parts/form.tsx';
import { Table } from '../parts/table.tsx';
import { count, counted } from '../parts/text.tsx';
import { hrefOf } from '../route.ts';

interface Props { tenant: string; hosts: Host[]; slots: Slots | undefined; onChanged: () => void }
interface Plan { file: string; encoding: string; lines: PlannedLine[] }

export function ManyHosts({ tenant, hosts, slots, onChanged }: Props) {
  const [chosen, setChosen] = useState<Plan>();
  const read = useAction(async (file: File) => {
    setChosen(undefined);
    const { rows, encoding } = readHosts(new Uint8Array(await file.arrayBuffer()));
    setChosen({ file: file.name, encoding, lines: plan(rows, hosts, slots) });
  });
  return (
    <section aria-labelledby="many">
      <p><a href={hrefOf(tenant, 'people')}>All hosts</a></p>
      <h2 id="many">Add many hosts by CSV</h2>
      <p>A line for each host: an address and, if you like, a name. A first line may have the titles <code>email</code> and <code>name</code>. Nothing is changed before you have seen what would happen.</p>
      <p class="actions">
        <label class="button">
          Choose a file
          <input
            type="file" class="hidden" accept=".csv,.txt,.tsv,text/csv,text/plain"
            onChange={(e) => {
              const file = e.currentTarget.files?.[0];
              e.currentTarget.value = ''; // so that the same file can be chosen again, after a correction
              if (file) void read.run(file);
            }}
          />
        </label>
        <button type="button" class="link" onClick={() => save(new Blob(['email,name\r\nann@example.com,Ann Example\r\n'], { type: 'text/csv' }), 'hosts.csv')}>Save an example</button>
      </p>
      {read.running && <p role="status">Reading the file …</p>}
      {read.failure && <FailureNotice failure={read.failure} />}
      {chosen && <DryRun key={chosen} tenant={tenant} plan={chosen} onChanged={onChanged} />}
    </section>
  );
}

const words: Record<Outcome, string> = {
  add: 'would be added', rename: 'would be renamed', same: 'stays as it is', faulty: 'is left out', no_slot: 'has no slot',
};
const badges: Record<Outcome, string> = { add: 'badge good', rename: 'badge good', same: 'badge', faulty: 'badge bad', no_slot: 'badge bad' };

interface Run { results: Map<PlannedLine, Result>; state: 'running' | 'stopped' | 'done' }

function DryRun({ tenant, plan: { file, encoding, lines }, onChanged }: { tenant: string; plan: Plan; onChanged: () => void }) {
  const [shown, setShown] = useState<Outcome | 'all'>('all');
  const [run, setRun] = useState<Run>();
  const stop = useRef<AbortController | undefined>(undefined);
  const id = useRef(crypto.randomUUID()).current;
  const changes = lines.filter((line) => line.outcome === 'add' || line.outcome === 'rename');
  const act = useAction(async () => {
    const results = new Map<PlannedLine, Result>();
    const stopped = (stop.current = new AbortController());
    const draw = throttled(() => setRun((now) => now && { ...now })); // which may come after the end
    setRun({ results, state: 'running' });
    try {
      await apply(changes, callsOf(tenant), {
        run: id, signal: stopped.signal, pause: (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); }),
        progress(line, result) {
          results.set(line, result);
          draw();
        },
      });
      setRun({ results, state: stopped.signal.aborted ? 'stopped' : 'done' });
    } catch (error) {
      stopped.abort();
      setRun({ results, state: 'stopped' });
      throw error;
    } finally {
      onChanged();
    }
  });
  const rows = shown === 'all' ? lines : lines.filter((line) => line.outcome === shown);
  return (
    <>
      <h3>What would happen</h3>
      <p data-figure="dry-run">
        {file}, {encoding}, {counted(lines.length, 'line')}: {summary(lines)}.
      </p>
      {act.failure && <FailureNotice failure={act.failure} />}
      <Progress run={run} of={changes.length} onStop={() => stop.current?.abort()} />
      <p class="actions">
        {run?.state !== 'running' && (
          <button type="button" class="primary" disabled={changes.length === 0 || run?.state === 'done'} onClick={() => void act.run()}>
            {run?.state === 'stopped' ? 'Go on' : `Make ${counted(changes.length, 'change')}`}
          </button>
        )}
        <LeftOut lines={lines} run={run} />
      </p>
      <Table
        caption="Lines of the file" rows={rows} keyOf={(line) => String(line.line)} textOf={textOf} empty={null}
        tools={<SelectField label="Show" value={shown} onValue={setShown} options={options(lines)} />}
        columns={[
          { title: 'Line', number: true, cell: (line) => line.line },
          { title: 'Email', heading: true, cell: (line) => line.email },
          { title: 'Name', cell: (line) => line.name },
          { title: run ? 'What happened' : 'What would happen', cell: (line) => <Said line={line} result={run?.results.get(line)} /> },
        ]}
      />
    </>
  );
}

const textOf = (line: PlannedLine) => `${line.email} ${line.name}`;

function countsOf(lines: readonly PlannedLine[]): [Outcome, number][] {
  const counts = new Map<Outcome, number>();
  for (const { outcome } of lines) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return (Object.keys(words) as Outcome[]).flatMap((one) => (counts.has(one) ? [[one, counts.get(one)!] as [Outcome, number]] : []));
}

const nouns: Record<Outcome, string> = { add: 'to add', rename: 'to rename', same: 'there already', faulty: 'with a fault', no_slot: 'without a slot' };
const summary = (lines: readonly PlannedLine[]) => countsOf(lines).map(([one, n]) => `${count(n)} ${nouns[one]}`).join(', ');
const options = (lines: readonly PlannedLine[]) =>
  [['all', 'all lines'] as const, ...countsOf(lines).map(([one, n]) => [one, `${nouns[one]} (${count(n)})`] as const)];

function Said({ line, result }: { line: PlannedLine; result: Result | undefined }) {
  if (result === 'done') return <span class="badge good">{line.outcome === 'add' ? 'added' : 'renamed'}</span>;
  if (result === 'there') return <><span class="badge">there already</span> <span class="muted">perhaps added meanwhile</span></>;
  if (result) return <><span class="badge bad">failed</span> {result.failed}</>;
  return <><span class={badges[line.outcome]}>{words[line.outcome]}</span> <span class="muted">{line.why}</span></>;
}

function Progress({ run, of, onStop }: { run: Run | undefined; of: number; onStop: () => void }) {
  if (!run) return null;
  const done = run.results.size;
  const failed = [...run.results.values()].filter((result) => typeof result === 'object').length;
  const state = { running: 'Making the changes', stopped: 'Stopped', done: 'Done' }[run.state];
  return (
    <div class={run.state === 'done' && failed === 0 ? 'notice good' : 'notice'}>
      <p><progress aria-label="Changes made" max={of} value={done} /></p>
      <p role="status">{state}: {count(done)} of {counted(of, 'change')}{failed > 0 && `, ${count(failed)} failed`}.</p>
      {run.state === 'running' && <button type="button" onClick={onStop}>Stop</button>}
    </div>
  );
}

/** The lines that were not carried out, as a file to correct and to choose again. */
function LeftOut({ lines, run }: { lines: PlannedLine[]; run: Run | undefined }) {
  const left = lines.filter((line) => line.outcome === 'faulty' || line.outcome === 'no_slot' || typeof run?.results.get(line) === 'object');
  if (left.length === 0) return null;
  const why = (line: PlannedLine) => {
    const result = run?.results.get(line);
    return typeof result === 'object' ? result.failed : line.why;
  };
  const write = () => ['email,name,line,why', ...left.map((line) => [line.email, line.name, line.line, why(line)].map(cell).join(','))].join('\r\n');
  return <button type="button" onClick={() => save(new Blob(['\ufeff', write()], { type: 'text/csv' }), 'hosts-left-out.csv')}>Save what is left out</button>;
}

/** A cell that no spreadsheet runs. */
const cell = (value: string | number) => `"${String(value).replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;

function callsOf(tenant: string) {
  return {
    async add({ email, name }: PlannedLine, key: string) {
      await take(api.POST('/v1/tenants/{tenant}/hosts', { params: { path: { tenant }, header: { 'Idempotency-Key': key } }, body: { email, ...(name && { name }) } }));
    },
    async rename({ email, name }: PlannedLine) {
      await take(api.PATCH('/v1/tenants/{tenant}/hosts/{email}', { params: { path: { tenant, email } }, body: { name } }));
    },
  };
}

/** Draws at most ten times a second. */
function throttled(draw: () => void): () => void {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    setTimeout(() => { waits = false; draw(); }, 100);
  };
}

