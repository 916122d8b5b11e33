// Shows what a component loads, in each of its states.
import type { ComponentChildren } from 'preact';
import type { Loaded } from '../load.ts';
import { FailureNotice, Loading } from './notice.tsx';

/** The content, as soon as there is some; what failed stands above content that is not new any more. */
export function Show<T>({ of, what, children }: { of: Loaded<T>; what: string; children: (data: T) => ComponentChildren }) {
  return (
    <>
      {of.failure && <FailureNotice failure={of.failure} retry={of.reload} />}
      {of.data !== undefined ? children(of.data) : !of.failure && <Loading what={what} />}
    </>
  );
}
