import { SeatError, type SeatOptions } from './types.js';

/** Asks the page for a join token, for so long and no longer. */
export async function joinToken(options: SeatOptions, signal: AbortSignal, timeoutMs: number): Promise<string> {
  let late: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    late = setTimeout(() => reject(new Error('getToken did not answer in time.')), timeoutMs);
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  try {
    const token = await Promise.race([options.getToken({ signal }), over]);
    // What cannot be a sub-protocol would be shown in the browser's error.
    if (typeof token === 'string' && /^[\w.~+-]+$/.test(token)) return token;
  } finally {
    clearTimeout(late);
  }
  throw new SeatError('token_invalid', 'getToken gave no join token.');
}
