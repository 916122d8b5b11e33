// The types of event, as people read them.

export const chosen = {
  'seatmeter.seats.threshold': 'The seats in use cross an alert percentage',
  'seatmeter.seats.exhausted': 'All seats are taken',
  'seatmeter.license.changed': 'The license was changed',
  'seatmeter.license.expiring': 'The license is about to expire, or has expired',
  'seatmeter.conference.live': 'A conference has gone live',
  'seatmeter.conference.ended': 'A conference has ended',
  'seatmeter.statement.closed': 'A month was closed',
  'seatmeter.host.added': 'A host was added',
  'seatmeter.host.removed': 'A host was removed',
};

const others = { 'seatmeter.webhook.test': 'Test' };

/** What a type says; one that is newer than this console stays as it is. */
export const wordsOf = (type: string): string => ({ ...chosen, ...others } as Record<string, string>)[type] ?? type;
