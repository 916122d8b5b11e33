// What stands where there is nothing to show, and what to do about it.
import type { ComponentChildren } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { Failure } from '../failure.ts';
import { SessionContext } from '../session.ts';

/** Waits a moment before it shows, so that quick answers do not flicker. */
export function Loading({ what }: { what: string }) {
  return <p class="loading" role="status">Loading {what} …</p>;
}

/** Nothing there: says so, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {children && <div>{children}</div>}
    </div>
  );
}

/** A failure, with what one can do: sign in again, try again (by itself after some seconds), or read why it is refused. */
export function FailureNotice({ failure, retry }: { failure: Failure; retry?: () => void }) {
  const session = useContext(SessionContext);
  const fields = Object.entries(failure.fields);
  return (
    <div class="notice bad" role="alert">
      <p class="title">{failure.title}</p>
      {failure.message && <p>{failure.message}</p>}
      {fields.length > 0 && <ul>{fields.map(([name, detail]) => <li key={name}><code>{name}</code> {detail}</li>)}</ul>}
      {failure.kind === 'signed_out' && <button type="button" class="primary" onClick={() => session.signInAgain()}>Sign in again</button>}
      {retry && failure.kind !== 'signed_out' && (
        <p class="actions">
          <button type="button" onClick={retry}>Try again</button>
          {failure.more.retryAfterSeconds !== undefined && <Countdown key={failure} seconds={failure.more.retryAfterSeconds} />}
        </p>
      )}
    </div>
  );
}

function Countdown({ seconds }: { seconds: number }) {
  const [left, set] = useState(seconds);
  useEffect(() => {
    const timer = setInterval(() => set((n) => Math.max(0, n - 1)), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span class="muted">{left > 0 ? `Tries again by itself in ${left} s.` : 'Trying again …'}</span>;
}

/** What went well, read out by screen readers. With focus, it is scrolled to: for forms that are longer than a screen. */
export function Done({ focus, children }: { focus?: boolean; children: ComponentChildren }) {
  const here = useRef<HTMLParagraphElement>(null);
  useEffect(() => { if (focus) here.current?.focus(); }, []);
  return <p class="notice good" role="status" ref={here} tabIndex={-1}>{children}</p>;
}
