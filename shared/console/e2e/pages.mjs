// The pages, for the tests and pictures of each. `ready` is what shows when the page has loaded; `prepare` does something there.
const yesterday = new Date(Date.now() - 24 * 60 * 60 * 1000);
const lastMonth = new Date(Date.UTC(yesterday.getUTCFullYear(), yesterday.getUTCMonth() - 1)).toISOString().slice(0, 7);
const heading = (name) => (page) => page.getByRole('heading', { name, exact: true });

async function choose(page) {
  const file = 'email,name\nann@acme.example,Ann Archer\nnew@acme.example,Nina New\nno address,Nobody\nnew@acme.example,Twice\n';
  await page.getByLabel('Choose a file').setInputFiles({ name: 'team.csv', mimeType: 'text/csv', buffer: Buffer.from(file) });
  await page.getByRole('table').waitFor();
}

async function testWebhook(page) {
  await page.getByRole('link', { name: 'hooks.console.example' }).click();
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByRole('alert').filter({ hasText: 'The test was not delivered' }).waitFor();
}

export const pages = [
  { name: 'tenants', role: 'vendor', path: () => '#//tenants', ready: (page) => page.getByRole('table') },
  { name: 'tenants-finance', role: 'finance', path: () => '#//tenants', ready: (page) => page.getByRole('table') },
  { name: 'closings', role: 'finance', path: () => `#//closings?period=${lastMonth}`, ready: (page) => page.getByRole('table').or(page.getByText('Nobody has closed')) },
  { name: 'now', role: 'tenant_admin', path: (tenant) => `#/${tenant}/now`, ready: heading('Conferences') },
  { name: 'now-conference', role: 'tenant_admin', path: (tenant) => `#/${tenant}/now?conference=weekly`, ready: heading('People') },
  { name: 'refusals', role: 'tenant_admin', path: (tenant) => `#/${tenant}/refusals`, ready: (page) => page.getByRole('table', { name: 'Refusals' }) },
  { name: 'people', role: 'tenant_admin', path: (tenant) => `#/${tenant}/people`, ready: (page) => page.getByRole('table', { name: 'Hosts' }) },
  { name: 'people-many', role: 'tenant_admin', path: (tenant) => `#/${tenant}/people?many=csv`, ready: heading('Add many hosts by CSV'), prepare: choose },
  { name: 'license', role: 'vendor', path: (tenant) => `#/${tenant}/license`, ready: (page) => page.getByRole('heading', { name: 'History' }) },
  { name: 'license-read', role: 'tenant_admin', path: (tenant) => `#/${tenant}/license`, ready: (page) => page.getByRole('heading', { name: 'History' }) },
  { name: 'usage', role: 'finance', path: (tenant) => `#/${tenant}/usage?from=${lastMonth}-01&to=${lastMonth}-28`, ready: (page) => page.getByRole('heading', { name: 'When it is busy' }) },
  { name: 'sizing', role: 'finance', path: (tenant) => `#/${tenant}/sizing?from=${lastMonth}-01&to=${lastMonth}-28`, ready: (page) => page.getByRole('button', { name: 'Download CSV' }).or(page.getByText('Nobody came in these days')) },
  { name: 'statements', role: 'finance', path: (tenant) => `#/${tenant}/statements`, ready: (page) => page.getByRole('table').or(page.getByText('No month was closed yet')) },
  { name: 'webhooks', role: 'tenant_admin', path: (tenant) => `#/${tenant}/webhooks`, ready: (page) => page.getByRole('button', { name: 'Add a webhook' }) },
  { name: 'webhooks-one', role: 'tenant_admin', path: (tenant) => `#/${tenant}/webhooks`, ready: (page) => page.getByRole('button', { name: 'Add a webhook' }), prepare: testWebhook },
  { name: 'audit', role: 'tenant_admin', path: (tenant) => `#/${tenant}/audit`, ready: (page) => page.getByRole('table', { name: 'Actions' }) },
];
