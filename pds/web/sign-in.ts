/**
 * Signing in on a page of ours with password and second factor, and the session that comes of it.
 * The session is kept in the page only: it is renewed while the page is open, and forgotten when it is closed.
 * Source: ours; com.atproto.server.createSession, app.dunlin.account.*PasskeyCheck.
 */
import { AnswerError, ask, button, element, field, form, show, type Child } from './page.ts';
import { hasPasskeys, showPasskey } from './passkey.ts';

/** Tokens of a session, as createSession and createAccount give them. */
export interface Tokens {
  readonly did: string;
  readonly handle: string;
  readonly accessJwt: string;
  readonly refreshJwt: string;
}

interface Password {
  readonly identifier: string;
  readonly password: string;
}

type Query = Readonly<Record<string, string>>;

/** Asks a method in the name of whoever is signed in. */
export type Call = (nsid: string, body?: unknown) => Promise<unknown>;

/** Somebody who is signed in, at this server or, with an `origin`, at another. */
export class Session {
  readonly origin: string;
  /** What listSessions of a server of ours calls this session: the id of the token it began with; null when that cannot be read. */
  readonly id: string | null;
  #tokens: Tokens;
  #renewing: Promise<void> | null = null;

  constructor(tokens: Tokens, origin = '') {
    this.#tokens = tokens;
    this.origin = origin;
    this.id = idOf(tokens.refreshJwt);
  }

  get did(): string {
    return this.#tokens.did;
  }

  get handle(): string {
    return this.#tokens.handle;
  }

  /** The tokens as they are now. */
  get tokens(): Tokens {
    return this.#tokens;
  }

  /** Calls a procedure; without a body when that is left out. @throws AnswerError */
  call(nsid: string, body?: unknown): Promise<unknown> {
    return this.#ask(`/xrpc/${nsid}`, { body });
  }

  /** Calls a procedure with bytes. @throws AnswerError */
  send(nsid: string, bytes: Blob): Promise<unknown> {
    return this.#ask(`/xrpc/${nsid}`, { body: bytes });
  }

  /** Asks a query. @throws AnswerError */
  read(nsid: string, query: Query = {}): Promise<unknown> {
    const search = new URLSearchParams(query).toString();
    return this.#ask(`/xrpc/${nsid}${search === '' ? '' : `?${search}`}`, {});
  }

  /** Ends the session. */
  async leave(): Promise<void> {
    await ask(`${this.origin}/xrpc/com.atproto.server.deleteSession`, { body: undefined, token: this.#tokens.refreshJwt });
  }

  async #ask(path: string, o: { body?: unknown }): Promise<unknown> {
    try {
      return await ask(`${this.origin}${path}`, { ...o, token: this.#tokens.accessJwt });
    } catch (fault) {
      if (!(fault instanceof AnswerError) || fault.error !== 'ExpiredToken' || !fault.message.includes('Token has expired')) throw fault;
      await (this.#renewing ??= this.#renew().finally(() => (this.#renewing = null)));
      return ask(`${this.origin}${path}`, { ...o, token: this.#tokens.accessJwt });
    }
  }

  async #renew(): Promise<void> {
    const renewed = await ask(`${this.origin}/xrpc/com.atproto.server.refreshSession`, { body: undefined, token: this.#tokens.refreshJwt });
    this.#tokens = { ...this.#tokens, ...(renewed as Tokens) };
  }
}

function idOf(jwt: string): string | null {
  try {
    const { jti } = JSON.parse(atob((jwt.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))) as { jti?: unknown };
    return typeof jti === 'string' ? jti : null;
  } catch {
    return null;
  }
}

/** What the sign-in form says and leads to. */
export interface SignIn {
  readonly intro: readonly Child[];
  readonly identifier?: string;
  readonly next: (session: Session) => Promise<void>;
}

/** Shows the form: the password first, and when a factor is owed, it is asked for next; or a passkey alone. */
export function showSignIn(o: SignIn): void {
  show(...o.intro, form({ id: 'sign-in' }, async ({ identifier = '', password = '' }) => {
    try {
      await begin({ identifier, password }, o);
    } catch (fault) {
      if (!(fault instanceof AnswerError) || fault.error !== 'AuthFactorTokenRequired') throw fault;
      showFactor({ identifier, password }, o);
    }
  },
  field('Handle or e-mail address', { name: 'identifier', autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', autofocus: true, value: o.identifier ?? '' }),
  field('Password', { name: 'password', type: 'password', autocomplete: 'current-password' }),
  element('button', {}, 'Sign in')),
  hasPasskeys() ? element('p', {}, button('Use a passkey instead', { id: 'passkey-alone', class: 'quiet' }, () => beginAlone(o))) : null);
}

/** A passkey in the place of password and second factor. */
async function beginAlone(o: SignIn): Promise<void> {
  const { options } = (await ask('/xrpc/app.dunlin.account.startPasskeySignIn', { body: undefined })) as { options: unknown };
  const answer = await showPasskey(options);
  await o.next(new Session((await ask('/xrpc/app.dunlin.account.finishPasskeySignIn', { body: { answer } })) as Tokens));
}

async function begin(password: Password, o: SignIn, authFactorToken?: string): Promise<void> {
  const tokens = await ask('/xrpc/com.atproto.server.createSession', { body: { ...password, ...(authFactorToken !== undefined && { authFactorToken }) } });
  await o.next(new Session(tokens as Tokens));
}

function showFactor(password: Password, o: SignIn): void {
  const withPasskey = async (): Promise<void> => {
    const { options } = (await ask('/xrpc/app.dunlin.account.startPasskeyCheck', { body: password })) as { options: unknown };
    const answer = await showPasskey(options);
    const { authFactorToken } = (await ask('/xrpc/app.dunlin.account.finishPasskeyCheck', { body: { ...password, answer } })) as { authFactorToken: string };
    await begin(password, o, authFactorToken);
  };
  show(
    element('p', {}, 'Your second factor, please.'),
    hasPasskeys() ? element('p', {}, button('Use a passkey', { id: 'use-passkey' }, withPasskey)) : null,
    form({ id: 'code-form' }, ({ code }) => begin(password, o, code), field('Code of your authenticator app, or a recovery code', { name: 'code', autocomplete: 'one-time-code', maxlength: '64', autofocus: true }), element('button', {}, 'Go on')),
  );
}
