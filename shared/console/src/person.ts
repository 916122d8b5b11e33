// Who is signed in, by the bearer's claims. They decide only what is shown: the API checks each call.

export type Role = 'vendor' | 'tenant_admin' | 'finance';

export interface Person {
  role: Role;
  /** The one tenant that a tenant_admin works for, or finance where it is bound to one; empty: all. */
  tenant: string;
  name: string;
}

const roles: readonly Role[] = ['vendor', 'tenant_admin', 'finance'];

/** The names of the claims that have the role and the tenant. */
export interface Claims {
  role: string;
  tenant: string;
}

/** Reads the claims of a bearer. Throws an Error, for whoever signs in, where the console can do nothing with them. */
export function personOf(bearer: string, names: Claims): Person {
  const claims = claimsOf(bearer);
  const role = roles.find((one) => one === text(claims[names.role]));
  if (!role) {
    throw new Error(`Your sign-in has no role in Seatmeter. Whoever runs the identity provider can give you the claim “${names.role}”: vendor, tenant_admin or finance.`);
  }
  const tenant = role === 'vendor' ? '' : text(claims[names.tenant]);
  if (role === 'tenant_admin' && !tenant) {
    throw new Error(`Your sign-in names no tenant. Whoever runs the identity provider can give you the claim “${names.tenant}”.`);
  }
  return { role, tenant, name: text(claims.name) || text(claims.email) || text(claims.preferred_username) || text(claims.sub) };
}

function claimsOf(bearer: string): Record<string, unknown> {
  const part = (bearer.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
  try {
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)))) as Record<string, unknown>;
  } catch {
    throw new Error('The issuer gave an access token that is no JSON Web Token, so the API cannot read it either.');
  }
}

// Of a list of one, such as of groups, that one, as the API takes it.
function text(claim: unknown): string {
  const one: unknown = Array.isArray(claim) && claim.length === 1 ? claim[0] : claim;
  return typeof one === 'string' ? one : '';
}
