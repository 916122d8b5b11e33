// Loading for components: once, or again and again while the page is visible.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type Failure, asFailure, isAbort } from './failure.ts';

export interface Loaded<T> {
  /** What was loaded last. It stays while it is loaded again, and when that fails. */
  data: T | undefined;
  failure: Failure | undefined;
  loading: boolean;
  /** Loads again. */
  reload: () => void;
}

type Loader<T> = (signal: AbortSignal) => Promise<T>;

/** Loads when the component appears and when one of `of` changes. What failed for want of a connection is tried again by itself. */
export function useLoad<T>(load: Loader<T>, of: readonly unknown[]): Loaded<T> {
  return useLoading(load, of, undefined);
}

/** Loads again, `everyMillis` after the last answer, while the page is visible; hidden, it is silent. */
export function usePoll<T>(load: Loader<T>, everyMillis: number, of: readonly unknown[]): Loaded<T> {
  return useLoading(load, of, everyMillis);
}

function useLoading<T>(load: Loader<T>, of: readonly unknown[], everyMillis: number | undefined): Loaded<T> {
  const [state, set] = useState<{ data?: T; failure?: Failure; loading: boolean }>({ loading: true });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const key = JSON.stringify(of);
  const shown = useRef(key);

  useEffect(() => {
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let busy = false;
    const again = (millis: number) => { timer = setTimeout(attempt, millis); };
    async function attempt() {
      clearTimeout(timer);
      if (busy || ended.signal.aborted || document.hidden) return;
      busy = true;
      try {
        const data = await latest.current(ended.signal);
        if (ended.signal.aborted) return;
        set({ data, loading: false });
        if (everyMillis !== undefined) again(everyMillis);
      } catch (error) {
        if (ended.signal.aborted || isAbort(error)) return;
        const failure = asFailure(error);
        set((before) => ({ data: before.data, failure, loading: false }));
        const wait = failure.more.retryAfterSeconds;
        if (wait) again(wait * 1000);
      } finally {
        busy = false;
      }
    }
    const resume = () => { if (!document.hidden) void attempt(); };
    // What was loaded for another thing is not shown for this one.
    if (shown.current !== key) set({ loading: true });
    else set((before) => ({ ...before, loading: true }));
    shown.current = key;
    void attempt();
    if (everyMillis !== undefined || document.hidden) document.addEventListener('visibilitychange', resume);
    addEventListener('online', resume);
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', resume);
      removeEventListener('online', resume);
    };
  }, [key, turn, everyMillis]);

  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { data: state.data, failure: state.failure, loading: state.loading, reload };
}

/**
 * An action of a button: whether it runs, and how it failed. While it runs, another run does nothing: so the button needs
 * only aria-disabled, with which it keeps the focus.
 */
export function useAction<A extends unknown[]>(act: (...of: A) => Promise<void>): {
  run: (...of: A) => Promise<boolean>; running: boolean; failure: Failure | undefined; clear: () => void;
} {
  const [state, set] = useState<{ running: boolean; failure?: Failure }>({ running: false });
  const busy = useRef(false);
  const run = async (...of: A) => {
    if (busy.current) return false;
    busy.current = true;
    set({ running: true });
    try {
      await act(...of);
      set({ running: false });
      return true;
    } catch (error) {
      set({ running: false, failure: asFailure(error) });
      return false;
    } finally {
      busy.current = false;
    }
  };
  return { run, running: state.running, failure: state.failure, clear: () => set({ running: false }) };
}
