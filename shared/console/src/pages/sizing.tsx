// How many seats a tenant should have, and why. The address has the question, so that the answer can be sent as a link.
import { useState } from 'preact/hooks';
import { type Schemas, api, download, take } from '../api.ts';
import { useAction, useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { TextField } from '../parts/form.tsx';
import { Show } from '../parts/loaded.tsx';
import { Done, Empty, FailureNotice } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { count, counted, duration } from '../parts/text.tsx';
import { go, hrefOf } from '../route.ts';
import { type Range, dayAt, rangeOf } from './usage-data.ts';
import { type Revisions, revisionsOf } from './usage-load.ts';
import { RangeForm } from './usage-range.tsx';

type Sizing = Schemas['SizingView'];
type Size = Schemas['SizeView'];

const usualDays = 90;

export function SizingPage({ tenant, query }: PageProps) {
  const known = useLoad((signal) => revisionsOf(tenant, signal), [tenant]);
  return (
    <>
      <h1>How many seats?</h1>
      <p class="muted">The joins of these days are replayed against other numbers of seats: how many people would each have turned away?</p>
      <Show of={known} what="the license">{(revisions) => <OfRange tenant={tenant} query={query} revisions={revisions} />}</Show>
    </>
  );
}

function OfRange({ tenant, query, revisions: { zone } }: PageProps & { revisions: Revisions }) {
  const now = Date.now();
  const range = rangeOf(query, zone, now, usualDays);
  const seats = query.get('seats') ?? '';
  const { first, last } = range;
  const loaded = useLoad((signal) => sizingOf(tenant, range, seats, signal), [tenant, first, last, seats, zone]);
  return (
    <>
      <RangeForm tenant={tenant} page="sizing" range={range} today={dayAt(now, zone)} more={{ seats }} />
      <Seats key={seats} tenant={tenant} range={range} seats={seats} />
      <Show of={loaded} what="the sizing">
        {(sizing) => (sizing.recommended === null
          ? <Empty title="Nobody came in these days"><p>Choose other days.</p></Empty>
          : <Answer tenant={tenant} range={range} seats={seats} sizing={sizing} recommended={sizing.recommended} />)}
      </Show>
    </>
  );
}

interface Answered extends Sizing {
  /** What happens with the present limit, and with the recommended number. */
  now: Size;
  then: Size;
}

/** Asks once for the numbers of the address, and once for the present limit and the recommended number. */
async function sizingOf(tenant: string, range: Range, seats: string, signal: AbortSignal): Promise<Answered> {
  const ask = (numbers: string) => take(api.GET('/v1/tenants/{tenant}/usage/sizing', {
    // The numbers stand in the query as they are: what is no number is refused there, by name.
    params: { path: { tenant }, query: { from: range.from, to: range.to, format: 'json', ...(numbers && { seats: numbers as unknown as number[] }) } }, signal,
  }));
  const sizing = await ask(seats);
  const two = await ask([sizing.limit, sizing.recommended ?? sizing.limit].join(','));
  return { ...sizing, now: two.rows.find((row) => row.seats === sizing.limit)!, then: two.rows.find((row) => row.seats === (sizing.recommended ?? sizing.limit))! };
}

function Seats({ tenant, range: { first, last }, seats }: { tenant: string; range: Range; seats: string }) {
  const [text, setText] = useState(seats);
  return (
    <form class="tools" onSubmit={(e) => { e.preventDefault(); go(hrefOf(tenant, 'sizing', { from: first, to: last, seats: text.replaceAll(/\s/g, '') })); }}>
      <TextField label="Numbers of seats to try" hint="Such as 20, 25, 30. Left empty: ten from half the limit to twice that." value={text} onValue={setText} />
      <button>Try</button>
    </form>
  );
}

function Answer({ tenant, range, seats, sizing, recommended }: { tenant: string; range: Range; seats: string; sizing: Answered; recommended: number }) {
  const { now, then, limit, people } = sizing;
  const unit = sizing.model === 'named' ? 'participants in each conference' : 'seats';
  const rows = [...new Map([...sizing.rows, now, then].map((row) => [row.seats, row])).values()].sort((a, b) => a.seats - b.seats);
  return (
    <>
      <section class="answer" aria-labelledby="answer">
        <h2 id="answer">{count(recommended)} {unit}{recommended === limit ? ', as now' : `, ${recommended > limit ? `${count(recommended - limit)} more` : `${count(limit - recommended)} fewer`} than now`}</h2>
        <p>
          From {range.first} to {range.last}, {counted(people, 'person', 'people')} came {counted(sizing.joins, 'time')}. {count(recommended)} is the least number with which at most 1 in 100 of them is turned away; with it, {turnedAway(then, people)}.
          {recommended !== limit && <> With {count(limit)}, as now, {turnedAway(now, people)}, and all {count(limit)} are taken for {duration(now.at_limit_ms)} in all.</>}
        </p>
        <p class="muted">A refused person counts as having stayed {duration(sizing.median_stay_ms)}, the median of the stays. A person who tried again within ten minutes is counted once.</p>
        <Share tenant={tenant} range={range} seats={seats} />
      </section>
      <Table
        caption="Numbers of seats" rows={rows} keyOf={(r) => String(r.seats)} empty={null}
        columns={[
          { title: sizing.model === 'named' ? 'Participants' : 'Seats', heading: true, cell: (r) => <>{count(r.seats)} {r.seats === recommended && <span class="badge good">recommended</span>} {r.seats === limit && <span class="badge">now</span>}</> },
          { title: 'People turned away', number: true, cell: (r) => count(r.people) },
          { title: 'of all people', number: true, cell: (r) => share(r.people, people) },
          { title: 'Joins turned away', number: true, cell: (r) => count(r.refusals) },
          { title: 'Time at the limit', number: true, cell: (r) => duration(r.at_limit_ms) },
        ]}
      />
    </>
  );
}

const share = (part: number, of: number): string => `${((100 * part) / of).toFixed(1)} %`;

const turnedAway = ({ people }: Size, of: number): string =>
  (people === 0 ? 'nobody is turned away' : `${counted(people, 'person is', 'people are')} turned away at least once (${share(people, of)})`);

function Share({ tenant, range: { from, to, first, last }, seats }: { tenant: string; range: Range; seats: string }) {
  // With its days, also where the address has none: those would be others tomorrow.
  const link = new URL(hrefOf(tenant, 'sizing', { from: first, to: last, seats }), location.href).href;
  const copy = useAction(async () => navigator.clipboard.writeText(link));
  const [copied, setCopied] = useState(false);
  const get = useAction(() => {
    const asked = new URLSearchParams({ from, to, ...(seats && { seats }) });
    return download(`/v1/tenants/${encodeURIComponent(tenant)}/usage/sizing?${asked}`, 'text/csv', `${tenant}-sizing-${first}-${last}.csv`);
  });
  return (
    <>
      <p class="actions">
        <button type="button" onClick={() => void copy.run().then(setCopied)}>Copy the link to this answer</button>
        <button type="button" aria-disabled={get.running} onClick={() => void get.run()}>Download CSV</button>
      </p>
      {copied && <Done>The link is copied. It shows this answer to anybody who may see it.</Done>}
      {copy.failure && <p>The browser does not let this page copy. This is <a href={link}>the link</a>.</p>}
      {get.failure && <FailureNotice failure={get.failure} />}
    </>
  );
}
