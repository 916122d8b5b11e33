// The frame around the pages: the tenant, the navigation, and who is signed in.
import { useEffect, useRef } from 'preact/hooks';
import { type Page, pagesOf } from './pages.tsx';
import { Empty } from './parts/notice.tsx';
import { type Route, go, hrefOf, useRoute } from './route.ts';
import { type Session, SessionContext } from './session.ts';

const roleNames = { vendor: 'Vendor', tenant_admin: 'Tenant admin', finance: 'Finance' };

export function Console({ session }: { session: Session }) {
  const { person } = session;
  const route = useRoute();
  const pages = pagesOf(person);
  const tenant = person.tenant || route.tenant;
  const page = pages.find((one) => one.id === route.page && (!one.ofTenant || tenant));
  const start = person.tenant ? hrefOf(person.tenant, pages[0]?.id ?? '') : hrefOf('', 'tenants');

  const foreign = Boolean(person.tenant && route.tenant && route.tenant !== person.tenant);
  useEffect(() => {
    if (!route.page) go(start, { replace: true });
  }, [route.page, start]);

  return (
    <SessionContext.Provider value={session}>
      <a class="skip" href="#content" onClick={(e) => { e.preventDefault(); document.getElementById('content')?.focus(); }}>Skip to the content</a>
      <header class="top">
        <a class="brand" href={start}>Seatmeter</a>
        {tenant && <span class="tenant">{tenant}</span>}
        <span class="who">{person.name}<span class="role">{roleNames[person.role]}</span></span>
        <button type="button" onClick={session.signOut}>Sign out</button>
      </header>
      <Navigation pages={pages} tenant={tenant} current={page?.id} />
      <Content session={session} route={route} page={foreign ? undefined : page} tenant={tenant} foreign={foreign} />
    </SessionContext.Provider>
  );
}

function Navigation({ pages, tenant, current }: { pages: Page[]; tenant: string; current: string | undefined }) {
  const list = useRef<HTMLUListElement>(null);
  const shown = pages.filter((page) => !page.aside && (!page.ofTenant || tenant));
  // On a phone the list is wider than the screen.
  useEffect(() => list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }), [current]);
  return (
    <nav class="pages-nav" aria-label="Pages">
      <ul ref={list}>
        {shown.map((page) => (
          <li key={page.id}>
            <a href={hrefOf(page.ofTenant ? tenant : '', page.id)} aria-current={page.id === current ? 'page' : undefined}>
              {page.label}{page.mark && <page.mark tenant={tenant} page={current} />}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Content({ session, route, page, tenant, foreign }: { session: Session; route: Route; page: Page | undefined; tenant: string; foreign: boolean }) {
  const main = useRef<HTMLElement>(null);
  const key = `${tenant}/${page?.id}`;
  const shown = useRef<string>(undefined);
  useEffect(() => { document.title = page ? `${page.label}${page.ofTenant ? ` · ${tenant}` : ''} · Seatmeter` : 'Seatmeter'; }, [key]);
  // A new page is where a keyboard and a screen reader go on; and so is another view of a page, where what had the focus is gone.
  useEffect(() => {
    const lost = document.activeElement === document.body;
    if (shown.current !== undefined && (shown.current !== key || lost)) main.current?.focus({ preventScroll: true });
    shown.current = key;
  }, [key, route.query.toString()]);
  return (
    <main id="content" tabIndex={-1} ref={main}>
      {page && <page.show key={key} tenant={page.ofTenant ? tenant : ''} query={route.query} />}
      {!page && route.page && (
        <Empty title={foreign ? 'That is another tenant’s page' : 'There is no such page for you'}>
          <p>{foreign ? `You are signed in for ${session.person.tenant}.` : 'The link may be meant for another role.'} Choose a page above.</p>
        </Empty>
      )}
    </main>
  );
}
