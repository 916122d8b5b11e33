// The seal of a statement: the SHA-256 of its canonical JSON (RFC 8785), without the member sha256.
// An answer also says whether records came in since (stale, difference): these two members are no part of the document.

/** Canonical JSON: members in the order of their UTF-16 code units. JSON.stringify writes numbers and texts as RFC 8785 has it. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** The hash that a document's seal has to be, as the browser computes it. */
export async function sealOf(document: Readonly<Record<string, unknown>>): Promise<string> {
  const { sha256: _, stale: __, difference: ___, ...rest } = document;
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical(rest)));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
