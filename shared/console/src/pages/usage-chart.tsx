// The chart of peak against limit. A click picks a moment, and so do the arrow keys with Enter.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Schemas } from '../api.ts';
import { type Model, peakOf } from './usage-data.ts';

type Row = Schemas['RowView'];

const names = { concurrent: 'Peak', named: 'Most in one conference' } as const;

interface Props {
  rows: readonly Row[];
  limits: readonly (number | null)[];
  zone: string;
  model: Model;
  /** The start of the row that is picked. */
  picked: string;
  onPick: (row: Row) => void;
}

const height = 280;

/** The colours of the page, as they are just now. */
function colours(): Record<'ink' | 'muted' | 'line' | 'accent' | 'bad', string> {
  const probe = document.body.appendChild(document.createElement('i'));
  const named = (['ink', 'muted', 'line', 'accent', 'bad'] as const).map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color] as const;
  });
  probe.remove();
  return Object.fromEntries(named) as ReturnType<typeof colours>;
}

export function Chart({ rows, limits, zone, model, picked, onPick }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [at, setAt] = useState(() => rows.reduce((best, row, n) => (peakOf(row, model) > peakOf(rows[best]!, model) ? n : best), 0));
  const now = Math.min(at, rows.length - 1);
  const pick = useRef((_: number) => {});
  pick.current = (n) => {
    setAt(n);
    if (rows[n]) onPick(rows[n]);
  };

  useEffect(() => {
    const box = holder.current!;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(box, zone, model, () => pick.current(plot.current?.cursor.idx ?? 0)), dataOf(rows, limits, model), box);
    };
    draw();
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height }));
    sized.observe(box);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    return () => {
      sized.disconnect();
      dark.removeEventListener('change', draw);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [rows, limits, zone, model]);

  const move = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setAt(next);
    const x = plot.current?.data[0][next];
    const y = plot.current?.data[1]?.[next];
    if (x !== undefined) plot.current?.setCursor({ left: plot.current.valToPos(x, 'x'), top: plot.current.valToPos(y ?? 0, 'y') });
  };
  const steps: Record<string, number> = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageDown: now - 24, PageUp: now + 24, Home: 0, End: rows.length - 1 };
  const said = saying(rows[now]!, limits[now] ?? null, zone, model);
  return (
    <>
      <div
        ref={holder} class="chart" role="slider" tabIndex={0} aria-label="Peak over time" aria-describedby="chart-keys"
        aria-valuemin={0} aria-valuemax={rows.length - 1} aria-valuenow={now} aria-valuetext={said}
        onKeyDown={(e) => {
          const to = steps[e.key];
          if (to === undefined && e.key !== 'Enter') return;
          e.preventDefault();
          if (to === undefined) pick.current(now);
          else move(to);
        }}
      />
      <p id="chart-keys" class="muted">
        {picked ? '' : 'Who was in? '}Click on a moment of the chart, or choose one with the arrow keys and press Enter. Chosen: {said}.
      </p>
    </>
  );
}

function saying(row: Row, limit: number | null, zone: string, model: Model): string {
  return `${momentIn(row.from, zone)}, ${names[model].toLowerCase()} ${peakOf(row, model)}${limit === null ? '' : ` of ${limit}`}`;
}

/** A moment by a zone's clock. */
export const momentIn = (at: string, zone: string, { seconds = false } = {}): string => new Date(at).toLocaleString('en-GB', {
  timeZone: zone, weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', ...(seconds && { second: '2-digit' }), hour12: false,
});

const daySeconds = 86_400;

/** The labels of the axis of time: days, or the clock with the day at each midnight. */
function labels(zone: string, splits: readonly number[], step: number): string[] {
  const day = (at: number) => new Date(at * 1000).toLocaleDateString('en-GB', { timeZone: zone, day: 'numeric', month: 'short' });
  const hour = (at: number) => new Date(at * 1000).toLocaleTimeString('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' });
  return splits.map((at) => (step >= daySeconds || hour(at) === '00:00' ? day(at) : hour(at)));
}

function dataOf(rows: readonly Row[], limits: readonly (number | null)[], model: Model): uPlot.AlignedData {
  return [rows.map((row) => Date.parse(row.from) / 1000), rows.map((row) => peakOf(row, model)), [...limits]];
}

function optionsOf(box: HTMLElement, zone: string, model: Model, onClick: () => void): uPlot.Options {
  const colour = colours();
  const axis = { stroke: colour.muted, grid: { stroke: colour.line, width: 1 }, ticks: { stroke: colour.line, width: 1 }, font: '12px system-ui' };
  const steps = uPlot.paths.stepped!({ align: 1 });
  return {
    width: box.clientWidth, height, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    scales: { y: { range: (_, __, most) => [0, Math.max(1, (most ?? 0) * 1.1)] } },
    axes: [{ ...axis, values: (_, splits, __, ___, step) => labels(zone, splits, step) }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000] }],
    series: [
      { label: 'From' },
      { label: names[model], stroke: colour.accent, fill: colour.accent.replace(')', ' / 18%)').replaceAll(',', ''), width: 1.5, paths: steps, points: { show: false } },
      { label: 'Limit', stroke: colour.bad, width: 1.5, dash: [6, 4], paths: steps, points: { show: false } },
    ],
    legend: { live: false },
    cursor: { drag: { x: false, y: false }, y: false },
    hooks: { ready: [(u) => u.over.addEventListener('click', onClick)] },
  };
}
