// What the pages of figures load first: the license's revisions, in order, and so the tenant's time zone.
import { type Schemas, api, take, takeAll } from '../api.ts';
import type { Model } from './usage-data.ts';

export interface Revisions { revisions: Schemas['RevisionView'][]; zone: string; model: Model }

export async function revisionsOf(tenant: string, signal: AbortSignal): Promise<Revisions> {
  const { items } = await takeAll(
    (query) => take(api.GET('/v1/tenants/{tenant}/license/history', { params: { path: { tenant }, query }, signal })), { signal },
  );
  const revisions = items.sort((a, b) => a.revision - b.revision);
  return { revisions, zone: revisions.at(-1)?.time_zone ?? 'UTC', model: revisions.at(-1)?.model ?? 'concurrent' };
}
