export { createSeat } from './seat.js';
export { SeatError } from './types.js';
export type { Seat, SeatChange, SeatOptions, SeatState } from './types.js';
export type { SocketClass, SocketLike } from './link.js';
export type * from './messages.js';
