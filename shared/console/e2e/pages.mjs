// The pages, for the tests and pictures of each. `ready` is what shows when the page has loaded.
export const pages = [
  { name: 'tenants', role: 'vendor', path: () => '#//tenants', ready: (page) => page.getByRole('table') },
  { name: 'tenants-finance', role: 'finance', path: () => '#//tenants', ready: (page) => page.getByRole('table') },
  { name: 'now', role: 'tenant_admin', path: (tenant) => `#/${tenant}/now`, ready: (page) => page.getByRole('heading', { name: 'Conferences' }) },
  { name: 'refusals', role: 'tenant_admin', path: (tenant) => `#/${tenant}/refusals`, ready: (page) => page.getByRole('button', { name: 'Look again' }) },
  { name: 'people', role: 'tenant_admin', path: (tenant) => `#/${tenant}/people`, ready: (page) => page.getByRole('heading', { name: 'People' }) },
];
