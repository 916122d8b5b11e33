import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { createSeat, type Seat, type SeatChange, type SeatOptions } from './index.js';

export interface UseSeatOptions extends SeatOptions {
  /** Join as soon as the component is there. Default: false. */
  join?: boolean;
}

/**
 * The state of a seat, and the seat. Given a seat, it shows that one; given options, it makes one that is closed with
 * the component. Of the options only getToken may change: for another conference give the component another key.
 */
export function useSeat(of: Seat | UseSeatOptions): readonly [SeatChange, Seat] {
  const latest = useRef(of);
  useEffect(() => {
    latest.current = of;
  });
  const [own] = useState(() =>
    isSeat(of)
      ? undefined
      : createSeat({
          ...of,
          getToken: (context) => (isSeat(latest.current) ? of : latest.current).getToken(context),
        }),
  );
  const seat = isSeat(of) ? of : own!;
  const auto = !isSeat(of) && of.join === true;
  const mounted = useRef(false);
  useEffect(() => {
    if (!own) return undefined;
    mounted.current = true;
    if (auto) void own.join();
    return () => {
      mounted.current = false;
      // Strict mode takes an effect back and runs it again at once: the seat stays then.
      setTimeout(() => mounted.current || own.close());
    };
  }, [own, auto]);
  const subscribe = useCallback((changed: () => void) => seat.on('change', changed), [seat]);
  const read = useCallback(() => seat.current, [seat]);
  return [useSyncExternalStore(subscribe, read, read), seat];
}

function isSeat(of: Seat | UseSeatOptions): of is Seat {
  return 'on' in of;
}
