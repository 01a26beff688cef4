/**
 * An OAuth client and a person's browser in plain HTTP, so that every byte of the exchange can be bent: proofs, nonces, headers, cookies.
 * Not for: showing that real clients and browsers work; tests/peers does that.
 * Source: ours; RFC 9126, RFC 9449, RFC 7636, and the provider's pages as Chromium loads them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: Record<string, unknown>;
}

/** One HTTP request with exactly these headers; fetch would not let Origin, Cookie and Sec-Fetch-* pass. */
export function send(url: string, o: { method?: string; headers?: Record<string, string>; body?: string; path?: string } = {}): Promise<Reply> {
  const { hostname, port, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path: o.path ?? `${pathname}${search}`, method: o.method ?? 'GET', headers: { connection: 'close', ...o.headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers['content-type']?.startsWith('application/json') === true && text !== '';
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Reply['json']) : {} });
      });
    });
    sent.once('error', reject);
    sent.end(o.body);
  });
}

/** A key and its proofs. */
export class Prover {
  readonly #keys: Promise<Awaited<ReturnType<typeof generateKeyPair>>> = generateKeyPair('ES256', { extractable: true });

  async jkt(): Promise<string> {
    return calculateJwkThumbprint(await exportJWK((await this.#keys).publicKey));
  }

  /** A proof for a request; whatever `claims` says stands in the place of what would be right. */
  async proof(method: string, url: string, o: { nonce?: string | null; token?: string; claims?: Record<string, unknown> } = {}): Promise<string> {
    const { privateKey, publicKey } = await this.#keys;
    const claims = {
      jti: randomBytes(16).toString('hex'), htm: method, htu: url.split('?')[0], iat: Math.floor(Date.now() / 1000),
      ...(o.nonce && { nonce: o.nonce }), ...(o.token !== undefined && { ath: createHash('sha256').update(o.token).digest('base64url') }), ...o.claims,
    };
    return new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await exportJWK(publicKey) }).sign(privateKey);
  }
}

/** A public loopback client. */
export class RawClient {
  readonly prover = new Prover();
  readonly #issuer: string;
  readonly redirect: string = 'http://127.0.0.1/callback';
  readonly scope: string;
  readonly verifier = randomBytes(32).toString('base64url');
  nonce: string | null = null;

  constructor(issuer: string, scope = 'atproto transition:generic') {
    this.#issuer = issuer;
    this.scope = scope;
  }

  get clientId(): string {
    return `http://localhost?${new URLSearchParams({ redirect_uri: this.redirect, scope: this.scope })}`;
  }

  /** A form post with a proof; a nonce that is asked for is sent the second time. */
  async post(path: string, form: Record<string, string>, o: { proof?: string; retry?: boolean; headers?: Record<string, string> } = {}): Promise<Reply> {
    const url = `${this.#issuer}${path}`;
    const reply = await send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', dpop: o.proof ?? (await this.prover.proof('POST', url, { nonce: this.nonce })), ...o.headers },
      body: new URLSearchParams(form).toString(),
    });
    const nonce = reply.headers['dpop-nonce'];
    if (typeof nonce === 'string') this.nonce = nonce;
    return reply.json['error'] === 'use_dpop_nonce' && o.retry !== false ? this.post(path, form, { ...o, retry: false }) : reply;
  }

  push(extra: Record<string, string> = {}): Promise<Reply> {
    return this.post('/oauth/par', {
      client_id: this.clientId, redirect_uri: this.redirect, response_type: 'code', scope: this.scope, state: 'state',
      code_challenge: createHash('sha256').update(this.verifier).digest('base64url'), code_challenge_method: 'S256', ...extra,
    });
  }

  redeem(code: string, extra: Record<string, string> = {}, o: { proof?: string; retry?: boolean } = {}): Promise<Reply> {
    return this.post('/oauth/token', { client_id: this.clientId, grant_type: 'authorization_code', code, redirect_uri: this.redirect, code_verifier: this.verifier, ...extra }, o);
  }

  renew(refreshToken: string): Promise<Reply> {
    return this.post('/oauth/token', { client_id: this.clientId, grant_type: 'refresh_token', refresh_token: refreshToken });
  }

  /** Calls a method with a token. */
  async call(token: string, path: string, o: { method?: string; url?: string; headers?: Record<string, string>; claims?: Record<string, unknown>; nonce?: string | null; path?: string; body?: object } = {}): Promise<Reply> {
    const url = `${this.#issuer}${path}`;
    const method = o.method ?? 'GET';
    const proof = await this.prover.proof(method, o.url ?? url, { nonce: o.nonce === undefined ? this.nonce : o.nonce, token, ...(o.claims && { claims: o.claims }) });
    return send(url, {
      method, headers: { authorization: `DPoP ${token}`, dpop: proof, ...(o.body && { 'content-type': 'application/json' }), ...o.headers },
      ...(o.body && { body: JSON.stringify(o.body) }), ...(o.path !== undefined && { path: o.path }),
    });
  }
}

/** A browser with its cookies, on the provider's pages. */
export class RawBrowser {
  readonly #issuer: string;
  readonly cookies = new Map<string, string>();
  page = '';

  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  async open(path: string): Promise<Reply> {
    const reply = await send(`${this.#issuer}${path}`, { headers: { cookie: this.#cookie(), 'user-agent': 'a browser', 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' } });
    this.#keep(reply);
    this.page = `${this.#issuer}${path}`;
    return reply;
  }

  /** Asks the provider's own API, as its pages do. */
  ask(endpoint: string, body: object, o: { token?: string } = {}): Promise<Reply> {
    return this.post(`/@atproto/oauth-provider/~api${endpoint}`, body, o.token === undefined ? {} : { authorization: `Bearer ${o.token}` });
  }

  /** Reads from the provider's own API, as its pages do. */
  async read(endpoint: string): Promise<Reply> {
    const reply = await send(`${this.#issuer}/@atproto/oauth-provider/~api${endpoint}`, {
      headers: {
        cookie: this.#cookie(), 'user-agent': 'a browser', origin: this.#issuer, referer: this.page, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'same-origin', 'sec-fetch-dest': 'empty',
        'x-csrf-token': this.cookies.get('csrf-token') ?? '',
      },
    });
    this.#keep(reply);
    return reply;
  }

  /** A same-origin post of JSON from the page that is open; `headers` stand in the place of a browser's own. */
  async post(path: string, body: object, headers: Record<string, string> = {}): Promise<Reply> {
    const reply = await send(`${this.#issuer}${path}`, {
      method: 'POST', body: JSON.stringify(body),
      headers: {
        'content-type': 'application/json', cookie: this.#cookie(), 'user-agent': 'a browser', origin: this.#issuer, referer: this.page,
        'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'same-origin', 'sec-fetch-dest': 'empty', 'x-csrf-token': this.cookies.get('csrf-token') ?? '', ...headers,
      },
    });
    this.#keep(reply);
    return reply;
  }

  /** Opens the sign-in page of a request. */
  async begin(client: RawClient): Promise<Reply> {
    const { json } = await client.push();
    return this.open(`/oauth/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(json['request_uri']) })}`);
  }

  signIn(username: string, password: string, more: object = {}): Promise<Reply> {
    return this.ask('/sign-in', { locale: 'en', username, password, ...more });
  }

  /** Consents and gives the code. */
  async consent(did: string, token?: string): Promise<string> {
    const { json } = await this.ask('/consent', { did }, token === undefined ? {} : { token });
    return new URL(String(json['url'])).searchParams.get('code') ?? '';
  }

  #cookie(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep({ headers }: Reply): void {
    for (const cookie of [headers['set-cookie'] ?? []].flat()) {
      const [name, value] = cookie.split(';')[0].split('=');
      this.cookies.set(name, decodeURIComponent(value));
    }
  }
}

/** All of it: a person signs in and consents, and the client gets its tokens. */
export async function authorize(issuer: string, who: { name: string; did: string }, client = new RawClient(issuer)): Promise<{ client: RawClient; browser: RawBrowser; tokens: Record<string, string>; code: string }> {
  const browser = new RawBrowser(issuer);
  await browser.begin(client);
  const { json } = await browser.signIn(`${who.name}.test`, `${who.name} password`);
  const code = await browser.consent(who.did, json['ephemeralToken'] as string | undefined);
  const reply = await client.redeem(code);
  return { client, browser, code, tokens: reply.json as Record<string, string> };
}
