// How full something is: a bar, and the numbers.
import { count } from './text.tsx';

export function Meter({ label, used, limit }: { label: string; used: number; limit: number }) {
  const share = limit ? Math.min(1, used / limit) : 1;
  const state = used >= limit ? 'full' : share >= 0.8 ? 'near' : 'free';
  return (
    <div class={`meter ${state}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={limit} aria-valuenow={Math.min(used, limit)} aria-valuetext={`${used} of ${limit}`}>
      <span class="bar"><span style={{ width: `${share * 100}%` }} /></span>
      <span class="of">{count(used)} / {count(limit)}</span>
    </div>
  );
}
