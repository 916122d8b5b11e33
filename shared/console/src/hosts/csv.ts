// Reads a CSV file of hosts as people have them: with or without a title line, from Excel in any of its encodings.
import Papa from 'papaparse';
import { Failure } from '../failure.ts';

export interface Row {
  /** The line of the file, from 1, on which the row begins. */
  line: number;
  email: string;
  name: string;
  /** What is wrong with the row as CSV. */
  fault?: string;
}

/** The file cannot be read. The message is for whoever chose it. */
export class NotCSV extends Failure {
  constructor(message: string) { super('refused', 'This file cannot be used', message); }
}

const mostBytes = 20_000_000;

/** The rows of a file, without empty ones. Throws NotCSV. */
export function readHosts(bytes: Uint8Array): { rows: Row[]; encoding: string } {
  if (bytes.length > mostBytes) throw new NotCSV('The file has more than 20 MB. Split it.');
  const { text, encoding } = decode(bytes);
  const table = parse(text);
  const first = table[0];
  if (!first) throw new NotCSV('The file is empty.');
  const columns = columnsOf(first.cells);
  if (columns.titled) table.shift();
  const rows = table.map(({ line, cells, fault }) => {
    const row: Row = { line, email: (cells[columns.email] ?? '').trim(), name: columns.name < 0 ? '' : (cells[columns.name] ?? '').trim() };
    return fault ? { ...row, fault } : row;
  });
  if (!rows.some((row) => row.email.includes('@'))) {
    throw new NotCSV('No line has an e-mail address. The first column, or the one with the title email, should have one.');
  }
  return { rows, encoding };
}

const starts: readonly (readonly [string, string])[] = [
  ['PK', 'This is an Excel workbook or a ZIP archive. Save the sheet as CSV, and choose that file.'],
  ['%PDF', 'This is a PDF. Save the list as CSV, and choose that file.'],
  ['\xd0\xcf\x11\xe0', 'This is an old Excel workbook. Save the sheet as CSV, and choose that file.'],
];

/** Excel saves CSV as UTF-8 with a BOM, as UTF-16, or in the machine's own encoding, for which Windows-1252 stands. */
function decode(bytes: Uint8Array): { text: string; encoding: string } {
  const head = String.fromCharCode(...bytes.subarray(0, 4));
  const known = starts.find(([start]) => head.startsWith(start));
  if (known) throw new NotCSV(known[1]);
  for (const [mark, encoding] of [['\xff\xfe', 'utf-16le'], ['\xfe\xff', 'utf-16be']] as const) {
    if (head.startsWith(mark)) return { text: new TextDecoder(encoding).decode(bytes), encoding: 'UTF-16' };
  }
  if (bytes.includes(0)) throw new NotCSV('This is no text file. Save the list as CSV, and choose that file.');
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), encoding: 'UTF-8' };
  } catch {
    return { text: new TextDecoder('windows-1252').decode(bytes), encoding: 'Windows-1252' };
  }
}

interface Line { line: number; cells: string[]; fault?: string }

function parse(text: string): Line[] {
  const lines: Line[] = [];
  let line = 1;
  let read = 0;
  // Excel names the delimiter in a first line of its own.
  const named = /^sep=(.)\r?\n/i.exec(text);
  if (named) {
    text = text.slice(named[0].length);
    line = 2;
  }
  Papa.parse<string[]>(text, {
    delimiter: named?.[1] ?? delimiterOf(text),
    step({ data, errors, meta }) {
      const error = errors.find((e) => e.type === 'Quotes');
      if (data.some((cell) => cell.trim())) {
        lines.push({ line, cells: data, ...(error && { fault: 'has a quotation mark that does not close' }) });
      }
      line += newlines(text, read, meta.cursor);
      read = meta.cursor;
    },
  });
  return lines;
}

/** What the first line that has something is cut by. A German Excel writes semicolons. */
function delimiterOf(text: string): string {
  const first = /^\s*(.*)/.exec(text)?.[1] ?? '';
  const times = (delimiter: string) => first.split(delimiter).length;
  return [';', '\t'].reduce((best, one) => (times(one) > times(best) ? one : best), ',');
}

/** How many lines end between two places. A carriage return and a line feed end one. */
function newlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at);
    if (c === 10 || (c === 13 && text.charCodeAt(at + 1) !== 10)) count++;
  }
  return count;
}

const emailTitles = new Set(['email', 'e-mail', 'mail', 'address', 'email address', 'e-mail address', 'e-mail-adresse']);
const nameTitles = new Set(['name', 'display name', 'full name', 'anzeigename']);

/** Where the address and the name are: by the titles, or else in the first two columns. */
function columnsOf(cells: string[]): { titled: boolean; email: number; name: number } {
  const titles = cells.map((cell) => cell.trim().toLowerCase());
  const email = titles.findIndex((title) => emailTitles.has(title));
  if (email >= 0) return { titled: true, email, name: titles.findIndex((title) => nameTitles.has(title)) };
  return { titled: false, email: 0, name: 1 };
}
