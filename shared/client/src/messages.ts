// Generated from the AsyncAPI document by `npm run types`.

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
  | 'seat_lapsed'
  | 'seats_exhausted'
  | 'token_invalid'
  | 'unavailable'
  | 'unsupported_media_type';
export type ServerMessage =
  Admitted | ConferenceEnded | ConferenceLive | ErrorMessage | Lobby | Pong | Queued | Refused | Removed;
export type ClientMessage = Join | Leave | Ping | Status;

export interface Admitted {
  conference: string;
  connection_id: string;
  expires_at: string;
  grace_seconds: number;
  in_use: number;
  limit: number;
  ping_within_seconds: number;
  resume_token: string;
  type: 'admitted';
}
export interface ConferenceEnded {
  type: 'conference_ended';
}
export interface ConferenceLive {
  type: 'conference_live';
}
export interface InvalidMember {
  detail: string;
  pointer: string;
}
export interface Join {
  action: 'join';
  wait?: boolean;
}
export interface Leave {
  action: 'leave';
}
export interface Lobby {
  conference: string;
  connection_id: string;
  type: 'lobby';
}
export interface Ping {
  action: 'ping';
}
export interface Pong {
  type: 'pong';
}
export interface Queued {
  conference: string;
  connection_id: string;
  position: number;
  since: string;
  type: 'queued';
}
export interface Refused {
  code: ProblemCode;
  conference?: string;
  detail: string;
  errors?: InvalidMember[];
  in_use?: number;
  limit?: number;
  request_id?: string;
  retry_after_seconds?: number;
  type: 'refused';
}
export interface Removed {
  detail: string;
  type: 'removed';
}
export interface Status {
  action: 'status';
}
export interface ErrorMessage {
  code: ProblemCode;
  conference?: string;
  detail: string;
  errors?: InvalidMember[];
  in_use?: number;
  limit?: number;
  request_id?: string;
  retry_after_seconds?: number;
  type: 'error';
}
