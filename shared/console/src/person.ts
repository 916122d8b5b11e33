// Who is signed in, by the bearer's claims. They decide only what is shown: the API checks each call.

export type Role = 'vendor' | 'tenant_admin' | 'finance';

export interface Person {
  role: Role;
  /** The one tenant that a tenant_admin works for, or finance where it is bound to one; empty: all. */
  tenant: string;
  name: string;
}

const roles: readonly Role[] = ['vendor', 'tenant_admin', 'finance'];

/** Reads the claims of a bearer. Throws an Error, for whoever signs in, where the console can do nothing with them. */
export function personOf(bearer: string): Person {
  const claims = claimsOf(bearer);
  const role = roles.find((one) => one === claims.role);
  if (!role) {
    throw new Error('Your sign-in has no role in Seatmeter. Whoever runs the identity provider can give you the claim “role”: vendor, tenant_admin or finance.');
  }
  const tenant = role === 'vendor' ? '' : text(claims.tenant);
  if (role === 'tenant_admin' && !tenant) {
    throw new Error('Your sign-in names no tenant. Whoever runs the identity provider can give you the claim “tenant”.');
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

const text = (claim: unknown) => (typeof claim === 'string' ? claim : '');
