// How the tenant's webhooks do, for their page and for the navigation.
import { useEffect } from 'preact/hooks';
import { type Schemas, api, take, takeAll } from '../api.ts';
import { type Loaded, useLoad } from '../load.ts';

export type Webhook = Schemas['WebhookView'];
export type WithSecret = Schemas['WebhookSecretView'];

const changed = 'webhooks-changed';

/** Has what the navigation says about webhooks be loaded again. */
export const tellChanged = () => dispatchEvent(new Event(changed));

/** Loads the webhooks. */
export function useWebhooks(tenant: string): Loaded<Webhook[]> {
  return useLoad(async (signal) => {
    const path = { tenant };
    return (await takeAll((query) => take(api.GET('/v1/tenants/{tenant}/webhooks', { params: { path, query }, signal })), { signal })).items;
  }, [tenant]);
}

export function State({ of }: { of: Webhook }) {
  if (of.status === 'failed') return <span class="badge bad">switched off: it failed</span>;
  if (of.status === 'disabled') return <span class="badge">switched off</span>;
  return of.failing_since ? <span class="badge bad">failing</span> : <span class="badge good">active</span>;
}

/** In the navigation, the number of webhooks that were switched off because they failed. Also when another page is opened. */
export function FailedWebhooks({ tenant, page }: { tenant: string; page: string | undefined }) {
  const { data, reload } = useWebhooks(tenant);
  useEffect(() => {
    addEventListener(changed, reload);
    return () => removeEventListener(changed, reload);
  }, [reload]);
  useEffect(reload, [page]);
  const failed = data?.filter(({ status }) => status === 'failed').length ?? 0;
  return failed > 0 ? <> <span class="badge bad">{failed} off</span></> : null;
}
