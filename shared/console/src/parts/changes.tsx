// What an action changed: each member, with its value before and after.
import type { Schemas } from '../api.ts';

const text = (value: unknown): string => {
  if (value === null || value === undefined || value === '') return 'none';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

export function Changes({ of }: { of: readonly Schemas['ChangeView'][] }) {
  if (of.length === 0) return <span class="muted">nothing</span>;
  return (
    <ul class="changes">
      {of.map((c) => (
        <li key={c.member}>
          <code>{c.member}</code>{' '}
          {c.from !== null && <><del><span class="hidden">before: </span>{text(c.from)}</del> <span aria-hidden="true">→</span> </>}
          <ins><span class="hidden">after: </span>{text(c.to)}</ins>
        </li>
      ))}
    </ul>
  );
}
