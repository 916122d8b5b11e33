// Sign-in by OpenID Connect: the authorization code with PKCE. The bearer is kept in memory alone, so a reload signs in
// again, without a question where the issuer still knows the person.
import * as oauth from 'oauth4webapi';
import { type Claims, type Person, personOf } from './person.ts';

interface Config {
  issuer: string;
  client_id: string;
  scope: string;
  metadata: string;
  role_claim: string;
  tenant_claim: string;
}

/** What has to survive the way to the issuer and back. */
interface Pending {
  state: string;
  verifier: string;
  back: string;
}

const pendingKey = 'seatmeter.pending';
const knownKey = 'seatmeter.signed-in';
const renewSeconds = 60;

export class SignInError extends Error {}

/** The sign-in of this page. */
export class SignIn {
  #bearer = '';
  #refresh = '';
  #expiresMillis = 0;
  #renewing: Promise<void> | undefined;

  private constructor(
    private readonly issuer: oauth.AuthorizationServer,
    private readonly client: oauth.Client,
    private readonly scope: string,
    private readonly claims: Claims,
  ) {}

  static async open(): Promise<SignIn> {
    const config = (await (await fetch('config.json')).json()) as Config;
    if (!config.client_id) {
      throw new SignInError('Nobody can sign in yet: this deployment does not name the console’s client at the issuer (parameter ConsoleClientId).');
    }
    const address = config.metadata || `${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const issuer = await oauth.processDiscoveryResponse(new URL(config.issuer), await fetch(address));
    return new SignIn(issuer, { client_id: config.client_id }, config.scope, { role: config.role_claim, tenant: config.tenant_claim });
  }

  /** The person, where the issuer has just sent the browser back; null where there is no sign-in under way. */
  async finish(): Promise<Person | null> {
    const here = new URL(location.href);
    if (!here.searchParams.has('state')) return null;
    const pending = JSON.parse(sessionStorage.getItem(pendingKey) ?? 'null') as Pending | null;
    sessionStorage.removeItem(pendingKey);
    history.replaceState(null, '', pending ? here.pathname + pending.back : here.pathname);
    if (!pending) return null;
    const answer = oauth.validateAuthResponse(this.issuer, this.client, here, pending.state);
    const response = await oauth.authorizationCodeGrantRequest(
      this.issuer, this.client, oauth.None(), answer, redirectURL(), pending.verifier, options(),
    );
    this.#keep(await oauth.processAuthorizationCodeResponse(this.issuer, this.client, response));
    sessionStorage.setItem(knownKey, 'yes');
    return this.person();
  }

  /** Whether the issuer may know the person, so that a sign-in without a page is worth a try. */
  get known(): boolean {
    return sessionStorage.getItem(knownKey) !== null;
  }

  /** Sends the browser to the issuer; with silent, only to ask whether it still knows the person. */
  async begin({ silent = false } = {}): Promise<void> {
    if (silent) sessionStorage.removeItem(knownKey); // a second refusal asks no more
    const verifier = oauth.generateRandomCodeVerifier();
    const pending: Pending = { state: oauth.generateRandomState(), verifier, back: location.hash };
    sessionStorage.setItem(pendingKey, JSON.stringify(pending));
    const to = new URL(this.issuer.authorization_endpoint!);
    const query = {
      client_id: this.client.client_id, redirect_uri: redirectURL(), response_type: 'code', scope: this.scope, state: pending.state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...(silent && { prompt: 'none' }),
    };
    for (const [name, value] of Object.entries(query)) to.searchParams.set(name, value);
    location.assign(to);
  }

  /** A bearer for a call. It is renewed shortly before it expires, where the issuer gave a refresh token. */
  async bearer(): Promise<string> {
    if (this.#refresh && Date.now() > this.#expiresMillis - renewSeconds * 1000) {
      this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
      await this.#renewing;
    }
    return this.#bearer;
  }

  person(): Person {
    return personOf(this.#bearer, this.claims);
  }

  /** Forgets the person here, and at the issuer where it has a page for that. */
  end(): void {
    sessionStorage.removeItem(knownKey);
    const at = this.issuer.end_session_endpoint;
    if (!at) {
      location.assign(redirectURL());
      return;
    }
    const to = new URL(at);
    to.searchParams.set('client_id', this.client.client_id);
    to.searchParams.set('post_logout_redirect_uri', redirectURL());
    location.assign(to);
  }

  async #renew(): Promise<void> {
    const refresh = this.#refresh;
    this.#refresh = '';
    try {
      const response = await oauth.refreshTokenGrantRequest(this.issuer, this.client, oauth.None(), refresh, options());
      this.#keep(await oauth.processRefreshTokenResponse(this.issuer, this.client, response));
      this.#refresh ||= refresh;
    } catch {
      // The next call is answered 401, which is shown.
    }
  }

  #keep(tokens: oauth.TokenEndpointResponse): void {
    this.#bearer = tokens.access_token;
    this.#refresh = tokens.refresh_token ?? '';
    this.#expiresMillis = Date.now() + (tokens.expires_in ?? Infinity) * 1000;
  }
}

/** Where the issuer sends the browser: the page itself. */
const redirectURL = () => new URL('.', location.href.split(/[?#]/)[0]).href;

/** Without TLS only on the machine itself, where the page came without it. */
const options = () => ({ [oauth.allowInsecureRequests]: location.protocol === 'http:' });
