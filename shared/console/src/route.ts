// Where one is: the fragment of the address, such as #/acme/now?conference=weekly. Links to it can be sent to others.
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  /** Empty on pages of no tenant. */
  tenant: string;
  page: string;
  query: URLSearchParams;
}

export function parse(fragment: string): Route {
  const [path = '', query = ''] = fragment.replace(/^#\/?/, '').split('?');
  const [tenant = '', page = ''] = path.split('/').map(decodeURIComponent);
  return { tenant, page, query: new URLSearchParams(query) };
}

/** The address of a page. Values that are empty or absent are left out. */
export function hrefOf(tenant: string, page: string, query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const text = new URLSearchParams(given).toString();
  return `#/${encodeURIComponent(tenant)}/${encodeURIComponent(page)}${text && `?${text}`}`;
}

export function go(href: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, '', href);
    dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = href;
  }
}

export function useRoute(): Route {
  const [fragment, set] = useState(location.hash);
  useEffect(() => {
    const changed = () => set(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return parse(fragment);
}

/** Changes one value of the address's query, without a step of the browser's history. */
export function setQuery(name: string, value: string | undefined): void {
  const { tenant, page, query } = parse(location.hash);
  const values = Object.fromEntries(query) as Record<string, string | undefined>;
  go(hrefOf(tenant, page, { ...values, [name]: value }), { replace: true });
}
