// A license as the form has it, and as the API takes it.
import type { components } from '../openapi.ts';

type LicenseView = components['schemas']['LicenseView'];
type LicenseBody = components['schemas']['LicenseBody'];

/** Numbers that are undefined, and texts that are empty, are left out. */
export interface Terms {
  model: 'named' | 'concurrent';
  seats: number | undefined;
  hosts: number | undefined;
  participants_per_conference: number | undefined;
  host_changes_per_month: number | undefined;
  overage: 'deny' | 'allow';
  burst: number | undefined;
  queue_limit: number | undefined;
  alert_percents: string;
  status: 'active' | 'suspended';
  starts_at: string;
  expires_at: string;
  time_zone: string;
  reconnect_grace_seconds: number | undefined;
  host_absent_minutes: number | undefined;
  estimated_end_within_minutes: number | undefined;
  allowed_origins: string;
}

/** What the terms are called, in the form and where they are only read. */
export const labels = {
  model: 'Model',
  seats: 'Seats',
  hosts: 'Hosts',
  participants_per_conference: 'Participants of each conference',
  host_changes_per_month: 'Changes of hosts in a month',
  overage: 'When all seats are taken',
  burst: 'Burst',
  queue_limit: 'Queue',
  alert_percents: 'Alerts (percent)',
  status: 'Status',
  starts_at: 'Starts at',
  expires_at: 'Expires at',
  time_zone: 'Time zone',
  reconnect_grace_seconds: 'Grace (seconds)',
  host_absent_minutes: 'Without a host (minutes)',
  estimated_end_within_minutes: 'Estimated ends (minutes)',
  allowed_origins: 'Allowed origins',
} as const satisfies Record<keyof Terms, string>;

/** A time as a field of the kind datetime-local has it, by this computer's clock. */
export function localTime(at: string | undefined): string {
  if (!at) return '';
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

export function termsOf(license: LicenseView | undefined): Terms {
  return {
    model: license?.model ?? 'concurrent',
    seats: license?.seats,
    hosts: license?.hosts,
    participants_per_conference: license?.participants_per_conference,
    host_changes_per_month: license?.host_changes_follow_hosts ? undefined : license?.host_changes_per_month,
    overage: license?.overage ?? 'deny',
    burst: license?.burst || undefined,
    queue_limit: license?.queue_limit,
    alert_percents: (license?.alert_percents ?? [80, 90, 100]).join(', '),
    status: license?.status ?? 'active',
    starts_at: localTime(license?.starts_at),
    expires_at: localTime(license?.expires_at),
    time_zone: license?.time_zone ?? '',
    reconnect_grace_seconds: license?.reconnect_grace_seconds,
    host_absent_minutes: license?.host_absent_minutes,
    estimated_end_within_minutes: license?.estimated_end_within_minutes,
    allowed_origins: (license?.allowed_origins ?? []).join('\n'),
  };
}

/** The body of a change. What the form does not know stays as it was read, and so does a time that was not touched. */
export function bodyOf(terms: Terms, read: LicenseView | undefined): LicenseBody {
  const named = terms.model === 'named';
  const time = (text: string, before: string | undefined) => (text === localTime(before) ? before : text && new Date(text).toISOString()) || undefined;
  const origins = terms.allowed_origins.split(/\s+/).filter(Boolean);
  const body: LicenseBody = {
    ...read,
    ...terms,
    seats: named ? undefined : terms.seats,
    hosts: named ? terms.hosts : undefined,
    participants_per_conference: named ? terms.participants_per_conference : undefined,
    host_changes_per_month: named ? terms.host_changes_per_month : undefined,
    host_changes_follow_hosts: undefined,
    alert_percents: terms.alert_percents.split(/[\s,;%]+/).filter(Boolean).map(Number),
    burst: terms.overage === 'allow' ? terms.burst : undefined,
    time_zone: terms.time_zone || undefined,
    starts_at: time(terms.starts_at, read?.starts_at),
    expires_at: time(terms.expires_at, read?.expires_at),
    allowed_origins: origins.length > 0 ? origins : undefined,
  };
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as unknown as LicenseBody;
}
