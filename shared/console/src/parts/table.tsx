// A table that stays quick with ten thousand rows: it shows a page of them, and finds by text. On a phone its rows are
// cards, for which styles.css takes the cells' layout away, and with it their roles: so these are named.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  /** Numbers stand at the right. */
  number?: boolean;
  /** The cell names the row. */
  heading?: boolean;
}

interface Props<T> {
  caption: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  /** With it, one can search: the text in which the search finds. */
  textOf?: (row: T) => string;
  /** What stands where there are no rows at all. */
  empty: ComponentChildren;
  rowsPerPage?: number;
  /** Beside the search, such as buttons. */
  tools?: ComponentChildren;
}

export function Table<T>({ caption, rows, columns, keyOf, textOf, empty, rowsPerPage = 50, tools }: Props<T>) {
  const [search, setSearch] = useState('');
  const [page, setPage] = useState(0);
  const top = useRef<HTMLDivElement>(null);
  const texts = useMemo(() => (textOf ? rows.map((row) => textOf(row).toLowerCase()) : []), [rows, textOf]);
  const wanted = search.trim().toLowerCase();
  const found = useMemo(() => (wanted ? rows.filter((_, n) => texts[n]?.includes(wanted)) : rows), [rows, texts, wanted]);
  const pages = Math.max(1, Math.ceil(found.length / rowsPerPage));
  const at = Math.min(page, pages - 1);
  useEffect(() => setPage(0), [wanted]);
  // A row that goes may have the focus, which then would be nowhere.
  const focused = top.current?.contains(document.activeElement);
  useLayoutEffect(() => { if (focused && document.activeElement === document.body) top.current?.focus({ preventScroll: true }); });
  const turn = (to: number) => {
    setPage(to);
    top.current?.scrollIntoView({ block: 'nearest' });
  };

  return (
    <div class="table" ref={top} tabIndex={-1}>
      {(textOf || tools) && (
        <div class="tools">
          {textOf && (
            <input type="search" aria-label={`Find in ${caption}`} placeholder="Find" value={search} onInput={(e) => setSearch(e.currentTarget.value)} />
          )}
          {tools}
        </div>
      )}
      {rows.length === 0 ? empty : (
        <>
          <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
            <table role="table">
              <caption class="hidden">{caption}</caption>
              <thead role="rowgroup">
                <tr role="row">{columns.map((c) => <th key={c.title} role="columnheader" scope="col" class={c.number ? 'number' : ''}>{c.title || <span class="hidden">Actions</span>}</th>)}</tr>
              </thead>
              <tbody role="rowgroup">
                {found.slice(at * rowsPerPage, (at + 1) * rowsPerPage).map((row) => (
                  <tr key={keyOf(row)} role="row">
                    {columns.map((c) => c.heading
                      ? <th key={c.title} role="rowheader" scope="row">{c.cell(row)}</th>
                      : <td key={c.title} role="cell" data-title={c.title} class={c.number ? 'number' : ''}>{c.cell(row)}</td>)}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {found.length === 0 && <p class="muted">Nothing has “{search}” in it. <button type="button" class="link" onClick={() => setSearch('')}>Show all</button></p>}
          {pages > 1 && <Pages at={at} pages={pages} rows={found.length} turn={turn} />}
        </>
      )}
    </div>
  );
}

function Pages({ at, pages, rows, turn }: { at: number; pages: number; rows: number; turn: (to: number) => void }) {
  return (
    <nav class="pages" aria-label="Pages of the table">
      <button type="button" disabled={at === 0} onClick={() => turn(at - 1)}>Previous</button>
      <span role="status">Page {at + 1} of {pages}, {rows.toLocaleString('en')} rows</span>
      <button type="button" disabled={at === pages - 1} onClick={() => turn(at + 1)}>Next</button>
    </nav>
  );
}
