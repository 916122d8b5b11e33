// Compiled, not run: what the types promise to those who use the package.
import { createSeat, type SeatChange, SeatError, type SeatState } from 'seatmeter-client';
import { useSeat } from 'seatmeter-client/react';

const seat = createSeat({ url: 'wss://seats.example', getToken: async () => 'token', wait: true, WebSocket, retry: (n) => (n < 3 ? n : null) });
const state: SeatState = seat.state;
const off: () => void = seat.on('change', (s) => describe(s));

function describe(s: SeatChange): string {
  switch (s.state) {
    case 'idle':
    case 'closed':
    case 'lobby':
      return s.state;
    case 'connecting':
      return `${s.attempt}`;
    case 'queued':
      return `${s.position} since ${s.since}`;
    case 'seated':
      return `${s.inUse} of ${s.limit}`;
    case 'reconnecting':
      return new Date(s.graceEndsAt ?? 0).toISOString();
    case 'refused':
      return s.code === 'seats_exhausted' ? `full, again in ${s.retryAfter}` : s.detail;
    case 'ended':
    case 'removed':
      return s.detail;
  }
}

seat.join({ signal: new AbortController().signal }).catch((error) => error instanceof SeatError && error.code);
// @ts-expect-error: there is no such event
seat.on('changed', () => {});
// @ts-expect-error: a position only while it waits
seat.current.position;
const [shown] = useSeat({ url: 'wss://seats.example', getToken: () => 'token', join: true });
void [state, off, shown.state];
