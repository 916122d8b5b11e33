// Generated from the AsyncAPI document by `npm run types`.

/**
 * A problem's code.
 *
 * - `already_exists`: It exists already, or the conference that was to be changed is live already. Nothing was changed.
 * - `conference_ended`: The conference has ended. It can be scheduled again.
 * - `conference_not_live`: Under a named license, a conference goes live when its host connects. Wait in the lobby.
 * - `forbidden`: The caller's role does not allow the call. Of a handshake: the conference's host is not registered and active, or the license does not allow the page's origin.
 * - `host_busy`: The host is running another conference, which `conference` names. A named host runs one at a time.
 * - `host_changes_exhausted`: The free slots had a host before, and were filled again as often as the license allows in this month of its time zone.
 * - `hosts_exhausted`: Every slot of the named license has a host. Delete a host, or ask for a larger license.
 * - `internal`: A fault of the service. Its log has the cause under `request_id`.
 * - `invalid`: The input is not valid. `errors` names each faulty member, and says what is wrong.
 * - `license_expired`: The license has not begun, or has ended. Nobody who is in is cut off.
 * - `license_suspended`: The license is suspended. Nobody who is in is cut off.
 * - `method_not_allowed`: The path does not have this method. `Allow` names its methods.
 * - `not_acceptable`: `Accept` or `Accept-Encoding` excludes every form that the answer can have. Nothing was done.
 * - `not_found`: It does not exist, or it is another tenant's.
 * - `participants_exhausted`: The conference has as many participants as the named license allows. Try again when somebody has left.
 * - `precondition_failed`: It is not, or no longer, what the call was meant for. Read it again.
 * - `rate_limited`: Too many requests. Wait for the seconds in `Retry-After`.
 * - `seats_exhausted`: All seats of the tenant's concurrent license are in use. Try again when somebody has left.
 * - `token_invalid`: The token is missing, malformed, expired, of another issuer, or for another conference. Of a resume token: the seat is not held any more.
 * - `unavailable`: It cannot be done at the moment. Try again, after the seconds in `Retry-After` if it is there.
 * - `unsupported_media_type`: The body's `Content-Type` is not JSON in UTF-8, or it has a `Content-Encoding`. `Accept` and `Accept-Encoding` of the answer say what is taken. Nothing was done.
 */
export type ProblemCode =
  | 'already_exists'
  | 'conference_ended'
  | 'conference_not_live'
  | 'forbidden'
  | 'host_busy'
  | 'host_changes_exhausted'
  | 'hosts_exhausted'
  | 'internal'
  | 'invalid'
  | 'license_expired'
  | 'license_suspended'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'not_found'
  | 'participants_exhausted'
  | 'precondition_failed'
  | 'rate_limited'
  | 'seats_exhausted'
  | 'token_invalid'
  | 'unavailable'
  | 'unsupported_media_type';
export type ServerMessage =
  Admitted | ConferenceEnded | ConferenceLive | ErrorMessage | Lobby | Pong | Refused | Removed;
export type ClientMessage = Join | Leave | Ping | Status;

/** You hold a seat. */
export interface Admitted {
  /** The conference that you are in or wait for. Of `host_busy`: the conference that stands in the way. */
  conference: string;
  /** This connection's id, by which the HTTP API names it too. */
  connection_id: string;
  /** When the platform closes this connection. Connect before that with the resume token, and go on on the new connection. */
  expires_at: string;
  /** For how long your seat is held for you if the connection is lost. 0: it is not. Unit: seconds. */
  grace_seconds: number;
  /** How many seats of that pool are in use, those held for lost connections included. Of a pool of more than 1,920 seats it can be ten seconds old. Unit: seats. */
  in_use: number;
  /** How many seats the pool has that your seat is of, or would be of. A named host's own first connection has a pool of one. Unit: seats. */
  limit: number;
  /** Send something at least so often, for instance `ping`: a connection that is idle for longer may be closed. Unit: seconds. */
  ping_within_seconds: number;
  /** Connect with it to go on in this seat. It is a secret. */
  resume_token: string;
  /** Says which message this is. */
  type: 'admitted';
}
/** The conference has ended. */
export interface ConferenceEnded {
  /** Says which message this is. */
  type: 'conference_ended';
}
/** The conference went live. */
export interface ConferenceLive {
  /** Says which message this is. */
  type: 'conference_live';
}
/** What is wrong with a member of the input. */
export interface InvalidMember {
  /** What is wrong with it, for people. */
  detail: string;
  /** A JSON pointer to the faulty member, as a URI fragment. */
  pointer: string;
}
/** Take a seat. */
export interface Join {
  /** Says which message this is. */
  action: 'join';
}
/** Give the seat back and stay connected. */
export interface Leave {
  /** Says which message this is. */
  action: 'leave';
}
/** You are in the lobby, without a seat. */
export interface Lobby {
  /** The conference that you are in or wait for. Of `host_busy`: the conference that stands in the way. */
  conference: string;
  /** This connection's id, by which the HTTP API names it too. */
  connection_id: string;
  /** Says which message this is. */
  type: 'lobby';
}
/** Keep the connection open. */
export interface Ping {
  /** Says which message this is. */
  action: 'ping';
}
/** The answer to ping. */
export interface Pong {
  /** Says which message this is. */
  type: 'pong';
}
/** You cannot have a seat. */
export interface Refused {
  code: ProblemCode;
  /** The conference that you are in or wait for. Of `host_busy`: the conference that stands in the way. */
  conference?: string;
  /** What is wrong, or why, for people. */
  detail: string;
  /** One entry for each faulty member. */
  errors?: InvalidMember[];
  /** How many seats of that pool are in use, those held for lost connections included. Of a pool of more than 1,920 seats it can be ten seconds old. Unit: seats. */
  in_use?: number;
  /** How many seats the pool has that your seat is of, or would be of. A named host's own first connection has a pool of one. Unit: seats. */
  limit?: number;
  /** The message's id. The service's log has it too. */
  request_id?: string;
  /** How long to wait before the next try. Unit: seconds. */
  retry_after_seconds?: number;
  /** Says which message this is. */
  type: 'refused';
}
/** You were removed. */
export interface Removed {
  /** What is wrong, or why, for people. */
  detail: string;
  /** Says which message this is. */
  type: 'removed';
}
/** Ask whether you hold a seat. */
export interface Status {
  /** Says which message this is. */
  action: 'status';
}
/** The message cannot be handled. */
export interface ErrorMessage {
  code: ProblemCode;
  /** The conference that you are in or wait for. Of `host_busy`: the conference that stands in the way. */
  conference?: string;
  /** What is wrong, or why, for people. */
  detail: string;
  /** One entry for each faulty member. */
  errors?: InvalidMember[];
  /** How many seats of that pool are in use, those held for lost connections included. Of a pool of more than 1,920 seats it can be ten seconds old. Unit: seats. */
  in_use?: number;
  /** How many seats the pool has that your seat is of, or would be of. A named host's own first connection has a pool of one. Unit: seats. */
  limit?: number;
  /** The message's id. The service's log has it too. */
  request_id?: string;
  /** How long to wait before the next try. Unit: seconds. */
  retry_after_seconds?: number;
  /** Says which message this is. */
  type: 'error';
}
