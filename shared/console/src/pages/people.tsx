// The hosts of the tenant.
import { api, take, takeAll } from '../api.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Show } from '../parts/loaded.tsx';
import { Empty } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { Time } from '../parts/text.tsx';

export function People({ tenant }: PageProps) {
  const hosts = useLoad(
    (signal) => takeAll((query) => take(api.GET('/v1/tenants/{tenant}/hosts', { params: { path: { tenant }, query }, signal })), { signal }), [tenant],
  );
  return (
    <>
      <h1>People</h1>
      <Show of={hosts} what="the hosts">
        {({ items }) => (
          <Table
            caption="Hosts" rows={items} keyOf={(h) => h.email} textOf={(h) => `${h.email} ${h.name}`}
            empty={<Empty title="There are no hosts yet"><p>Add the first one.</p></Empty>}
            columns={[
              { title: 'Email', heading: true, cell: (h) => h.email },
              { title: 'Name', cell: (h) => h.name },
              { title: 'Active', cell: (h) => (h.active ? 'yes' : 'no') },
              { title: 'Since', cell: (h) => <Time at={h.created_at} /> },
            ]}
          />
        )}
      </Show>
    </>
  );
}
