// A dialog: the browser keeps the focus in it, and Esc closes it.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { Failure } from '../failure.ts';
import { FailureNotice } from './notice.tsx';

export function Dialog({ title, onClose, wide, children }: { title: string; onClose: () => void; wide?: boolean; children: ComponentChildren }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    // A row may go while its dialog is open; the keyboard then goes on in its list.
    const list = before?.closest<HTMLElement>('.table');
    dialog.current?.showModal();
    return () => { (before instanceof HTMLElement && before.isConnected ? before : list)?.focus(); };
  }, []);
  return (
    <dialog ref={dialog} class={wide ? 'wide' : ''} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface AskProps {
  title: string;
  /** What the button says, such as "Remove". */
  action: string;
  danger?: boolean;
  running: boolean;
  failure: Failure | undefined;
  onSubmit: () => void;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog with a form and one action. */
export function Ask({ title, action, danger, running, failure, onSubmit, onClose, children }: AskProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          onSubmit();
        }}
      >
        {children}
        {failure && <FailureNotice failure={failure} />}
        <p class="actions end">
          <button type="button" onClick={onClose}>Cancel</button>
          <button class={danger ? 'danger' : 'primary'} aria-disabled={running}>{running ? 'One moment …' : action}</button>
        </p>
      </form>
    </Dialog>
  );
}
