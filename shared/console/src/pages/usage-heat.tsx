// When it is busy: the highest peak of each hour of the week.
import { weekdays } from './usage-data.ts';

const strongest = 40; // per cent of the accent, so that the numbers stay legible

export function Heat({ heat }: { heat: readonly (readonly number[])[] }) {
  const most = Math.max(1, ...heat.flat());
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Highest peak by weekday and hour">
      <table class="heat">
        <caption class="hidden">The highest peak of each hour of the week</caption>
        <thead>
          <tr><th scope="col"><span class="hidden">Weekday</span></th>{heat[0]!.map((_, hour) => <th key={hour} scope="col">{String(hour).padStart(2, '0')}</th>)}</tr>
        </thead>
        <tbody>
          {heat.map((hours, day) => (
            <tr key={weekdays[day]}>
              <th scope="row">{weekdays[day]}</th>
              {hours.map((peak, hour) => (
                <td key={hour} style={{ background: `color-mix(in srgb, var(--accent) ${Math.round((strongest * peak) / most)}%, transparent)` }}>{peak || ''}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
