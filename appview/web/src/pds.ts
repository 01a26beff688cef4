/**
 * A demo user at their own server: signs in, writes records, asks for tokens. Plain XRPC, nothing of ours.
 * Not for reading counts or rooms: those come from the app view.
 * Source: lexicons com.atproto.server.* and com.atproto.repo.*.
 */
import type { DemoUser } from './wire.ts';

/** A refusal of a server, with the error name of the lexicon. */
export class PdsError extends Error {
  readonly error: string;

  constructor(error: string, message: string) {
    super(message);
    this.error = error;
  }
}

/** Asks a server. @throws PdsError with its refusal, or Unreachable */
export async function xrpc<T>(server: string, method: string, o: { params?: Record<string, string>; input?: unknown; token?: string } = {}): Promise<T> {
  const query = new URLSearchParams(o.params).toString();
  const headers: Record<string, string> = {};
  if (o.input !== undefined) headers['content-type'] = 'application/json';
  if (o.token !== undefined) headers['authorization'] = `Bearer ${o.token}`;
  const asked = fetch(`${server}/xrpc/${method}${query ? `?${query}` : ''}`, {
    method: o.input === undefined ? 'GET' : 'POST',
    headers,
    cache: 'no-store',
    body: o.input === undefined ? undefined : JSON.stringify(o.input),
  });
  const response = await asked.catch(() => {
    // The browser tells no more than that it failed, each in words of its own.
    throw new PdsError('Unreachable', `${new URL(server, location.href).host} does not answer`);
  });
  const text = await response.text();
  const body = text === '' ? {} : parsed(text);
  if (!response.ok) throw new PdsError(String(body.error ?? response.status), String(body.message ?? response.statusText));
  return body as T;
}

/** A proxy's error page is no JSON; its status says enough. */
function parsed(text: string): { error?: unknown; message?: unknown } {
  try {
    return JSON.parse(text) as { error?: unknown; message?: unknown };
  } catch {
    return {};
  }
}

/** A user who signs in when first needed, and again when the session has run out. */
export class Pds {
  readonly user: DemoUser;
  #session: Promise<string> | null = null;

  constructor(user: DemoUser) {
    this.user = user;
  }

  /** Writes a record under a given key, over one that is there. */
  putRecord(collection: string, rkey: string, record: Record<string, unknown>): Promise<{ uri: string; cid: string }> {
    return this.#call('com.atproto.repo.putRecord', { input: { repo: this.user.did, collection, rkey, record: { $type: collection, ...record } } });
  }

  /** Writes a record under a key that the server chooses. */
  createRecord(collection: string, record: Record<string, unknown>): Promise<{ uri: string; cid: string }> {
    return this.#call('com.atproto.repo.createRecord', { input: { repo: this.user.did, collection, record: { $type: collection, ...record } } });
  }

  deleteRecord(collection: string, rkey: string): Promise<unknown> {
    return this.#call('com.atproto.repo.deleteRecord', { input: { repo: this.user.did, collection, rkey } });
  }

  /** Gets a token that says who this is, for one method of one service, for a minute. */
  async serviceToken(audience: string, method: string): Promise<string> {
    const { token } = await this.#call<{ token: string }>('com.atproto.server.getServiceAuth', { params: { aud: audience, lxm: method } });
    return token;
  }

  async #call<T>(method: string, o: { params?: Record<string, string>; input?: unknown }): Promise<T> {
    try {
      return await xrpc<T>(this.user.pds, method, { ...o, token: await this.#token() });
    } catch (error) {
      if (!(error instanceof PdsError) || !['ExpiredToken', 'InvalidToken'].includes(error.error)) throw error;
      this.#session = null;
      return xrpc<T>(this.user.pds, method, { ...o, token: await this.#token() });
    }
  }

  #token(): Promise<string> {
    this.#session ??= this.#signIn().catch((error: unknown) => {
      this.#session = null;
      throw error;
    });
    return this.#session;
  }

  async #signIn(): Promise<string> {
    const { handle: identifier, password } = this.user;
    const { accessJwt } = await xrpc<{ accessJwt: string }>(this.user.pds, 'com.atproto.server.createSession', { input: { identifier, password } });
    return accessJwt;
  }
}
