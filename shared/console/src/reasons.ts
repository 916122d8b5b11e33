// The API's codes of refused joins, in words.
const reasons: Record<string, string> = {
  seats_exhausted: 'All seats of the license were taken.',
  participants_exhausted: 'The conference was full.',
  hosts_exhausted: 'All host slots were taken.',
  license_expired: 'The license was not valid then.',
  license_suspended: 'The license was suspended.',
  host_busy: 'The host was in another conference.',
  conference_not_live: 'The host had not come yet.',
  conference_ended: 'The conference had ended.',
  token_invalid: 'The invitation was not valid.',
  forbidden: 'The host was not registered or not active, or the page was not allowed.',
};

export const reasonOf = (code: string): string => reasons[code] ?? code;
