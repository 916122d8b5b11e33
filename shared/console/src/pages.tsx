// The pages, and who sees each. To add one: write pages/NAME.tsx, and add a line here. README.md says more.
import type { ComponentType } from 'preact';
import { Audit } from './pages/audit.tsx';
import { Closings } from './pages/closings.tsx';
import { License } from './pages/license.tsx';
import { Now } from './pages/now.tsx';
import { People } from './pages/people.tsx';
import { Refusals } from './pages/refusals.tsx';
import { SizingPage } from './pages/sizing.tsx';
import { Statements } from './pages/statements.tsx';
import { Tenants } from './pages/tenants.tsx';
import { Usage } from './pages/usage.tsx';
import { FailedWebhooks } from './pages/webhooks-state.tsx';
import { Webhooks } from './pages/webhooks.tsx';
import type { Person, Role } from './person.ts';

export interface PageProps {
  /** Empty on pages of no tenant. */
  tenant: string;
  query: URLSearchParams;
}

export interface Page {
  /** The name in addresses. */
  id: string;
  label: string;
  /** Those who may make the page's calls. */
  roles: readonly Role[];
  /** False for pages of no tenant. */
  ofTenant: boolean;
  /** Not in the navigation: other pages lead there. */
  aside?: boolean;
  /** Beside the label in the navigation: what needs care. */
  mark?: ComponentType<{ tenant: string; page: string | undefined }>;
  show: ComponentType<PageProps>;
}

const admins: readonly Role[] = ['vendor', 'tenant_admin'];
const everyone: readonly Role[] = ['vendor', 'tenant_admin', 'finance'];

export const pages: readonly Page[] = [
  { id: 'tenants', label: 'Tenants', roles: ['vendor', 'finance'], ofTenant: false, show: Tenants },
  { id: 'closings', label: 'Close a month', roles: ['vendor', 'finance'], ofTenant: false, show: Closings },
  { id: 'now', label: 'Now', roles: everyone, ofTenant: true, show: Now },
  { id: 'refusals', label: 'Refusals', roles: everyone, ofTenant: true, show: Refusals },
  { id: 'people', label: 'People', roles: admins, ofTenant: true, show: People },
  { id: 'license', label: 'License', roles: everyone, ofTenant: true, show: License },
  { id: 'usage', label: 'Usage', roles: everyone, ofTenant: true, show: Usage },
  { id: 'sizing', label: 'How many seats?', roles: everyone, ofTenant: true, show: SizingPage },
  { id: 'statements', label: 'Statements', roles: everyone, ofTenant: true, show: Statements },
  { id: 'webhooks', label: 'Webhooks', roles: admins, ofTenant: true, mark: FailedWebhooks, show: Webhooks },
  { id: 'audit', label: 'Audit', roles: admins, ofTenant: true, show: Audit },
];

/** The pages that a person may see. Whoever has one tenant has no use for a list of them. */
export const pagesOf = ({ role, tenant }: Person): Page[] =>
  pages.filter((page) => page.roles.includes(role) && (page.ofTenant || !tenant));
