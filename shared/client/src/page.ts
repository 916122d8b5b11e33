/** Whether this is a page that nobody sees. */
export function hidden(): boolean {
  return globalThis.document?.visibilityState === 'hidden';
}

/** Hears that the network is back, or that the page is seen again. */
export function listen(woken: (event: Event) => void, on = true): void {
  const change = on ? 'addEventListener' : 'removeEventListener';
  for (const event of ['online', 'pageshow']) globalThis[change]?.(event, woken);
  globalThis.document?.[change]?.('visibilitychange', woken);
}

/** An error of the page's own code is the page's to hear of, and stops nothing here. */
export function report(error: unknown): void {
  (globalThis.reportError ?? console.error)(error);
}
