/**
 * The server an account comes from, spoken to in the account's name with a session that the person began there.
 * Renews the session when it has run out, bounds what comes back and how long it takes, and turns every fault into a sentence for the person.
 * How fast a stream comes is for whoever reads it.
 * Not for choosing the address: that is the one in the DID document, and the `fetch` handed in guards it.
 * Source: com.atproto.server.* as the reference PDS answers (400 ExpiredToken asks for a renewal).
 */
import { utf8Decode } from '@dunlin/protocol/base/bytes';
import type { Clock } from '@dunlin/protocol/base/clock';
import { reasonOf } from '@dunlin/protocol/identity/bounded-fetch';
import { MoveFault } from './move-fault.ts';
import type { OldSession } from './move-store.ts';

/** Largest JSON answer, in bytes: preferences are the longest. */
export const maxAnswerBytes = 2_097_152;

/** Longest time until a JSON answer is whole, or a stream begins, in ms. */
export const answerTimeoutMs = 60_000;

/** Most characters of the old server's words that are passed on. */
const maxWords = 300;

/** How a question is sent: a query without `procedure`, a procedure without a body when that has no input. */
interface Sent {
  readonly signal: AbortSignal;
  readonly procedure?: { readonly input?: object | undefined };
  readonly token: string;
}

/** The old server, for one account. */
export class OldServer {
  readonly origin: string;
  readonly #fetch: typeof globalThis.fetch;
  readonly #onRenewed: (session: OldSession) => Promise<void>;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  #session: OldSession;

  /** `onRenewed` keeps a renewed session before it is used; `signal` ends every call. */
  constructor(o: { origin: string; session: OldSession; fetch: typeof globalThis.fetch; clock: Clock; signal: AbortSignal; onRenewed: (session: OldSession) => Promise<void> }) {
    this.origin = o.origin;
    this.#session = o.session;
    this.#fetch = o.fetch;
    this.#signal = o.signal;
    this.#clock = o.clock;
    this.#onRenewed = o.onRenewed;
  }

  /** Asks a query and gives its JSON object. @throws MoveFault */
  async query(nsid: string, params: Readonly<Record<string, string>> = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#inTime(async (signal) => this.#readObject(await this.#call(nsid, params, { signal })));
  }

  /** Calls a procedure, without a body when `input` is left out, and gives its JSON object. @throws MoveFault */
  async procedure(nsid: string, input?: object): Promise<Readonly<Record<string, unknown>>> {
    return this.#inTime(async (signal) => this.#readObject(await this.#call(nsid, {}, { signal, procedure: { input } })));
  }

  /** Asks a query and gives the bytes of its answer as they come, until `signal` ends it. @throws MoveFault, also while it is read; the signal's reason */
  async stream(nsid: string, params: Readonly<Record<string, string>>, { signal: ends }: { signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>> {
    const { body } = await this.#inTime((signal) => this.#call(nsid, params, { signal: AbortSignal.any([signal, ends]) }));
    return this.#guarded(body);
  }

  /** Ends the session there. @throws MoveFault */
  async endSession(): Promise<void> {
    await this.#inTime(async (signal) => {
      const response = await this.#send('com.atproto.server.deleteSession', {}, { signal, procedure: {}, token: this.#session.refreshJwt });
      await response.body?.cancel();
    });
  }

  /** The signal handed to the work goes on to hold for a stream; only its beginning must be in time. */
  async #inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const timer = this.#clock.after(answerTimeoutMs, () => late.abort(new MoveFault('OldServerUnreachable', `The old server did not answer within ${answerTimeoutMs / 1_000} seconds.`)), { unref: true });
    const signal = AbortSignal.any([this.#signal, late.signal]);
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const end = (): void => reject(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([work(signal), ended]);
    } catch (fault) {
      throw signal.aborted ? signal.reason : fault;
    } finally {
      timer.cancel();
      // The server's own signal would keep what is listened to for as long as it runs.
      signal.removeEventListener('abort', end);
    }
  }

  async #call(nsid: string, params: Readonly<Record<string, string>>, how: Omit<Sent, 'token'>): Promise<Response> {
    const first = await this.#send(nsid, params, { ...how, token: this.#session.accessJwt });
    if (first.status < 300) return first;
    const refusal = await this.#refusal(first);
    if (refusal.theirError !== 'ExpiredToken' || !isSessionMatter(nsid, refusal.message)) throw refusal;
    await this.#renew(how.signal);
    const second = await this.#send(nsid, params, { ...how, token: this.#session.accessJwt });
    if (second.status < 300) return second;
    throw await this.#refusal(second);
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const answer = await this.#send('com.atproto.server.refreshSession', {}, { signal, procedure: {}, token: this.#session.refreshJwt });
    if (answer.status >= 500) throw await this.#refusal(answer);
    if (answer.status >= 300) {
      await answer.body?.cancel();
      throw sessionOver();
    }
    const { accessJwt, refreshJwt } = await this.#readObject(answer);
    if (typeof accessJwt !== 'string' || typeof refreshJwt !== 'string') throw new MoveFault('OldServerRefused', 'The old server renewed the session without giving one.');
    const renewed = { accessJwt, refreshJwt };
    await this.#onRenewed(renewed);
    this.#session = renewed;
  }

  async #send(nsid: string, params: Readonly<Record<string, string>>, { signal, procedure, token }: Sent): Promise<Response> {
    const query = new URLSearchParams(params);
    const input = procedure?.input;
    try {
      return await this.#fetch(`${this.origin}/xrpc/${nsid}${query.size > 0 ? `?${query.toString()}` : ''}`, {
        method: procedure === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token}`, ...(input !== undefined && { 'content-type': 'application/json' }) },
        ...(input !== undefined && { body: JSON.stringify(input) }),
        redirect: procedure === undefined ? 'follow' : 'error',
        signal,
      });
    } catch (fault) {
      throw this.#unreachable(fault);
    }
  }

  async #refusal(response: Response): Promise<MoveFault> {
    const { status } = response;
    const { error, message } = await this.#readObject(response).catch((): Readonly<Record<string, unknown>> => ({}));
    const theirError = typeof error === 'string' ? error.slice(0, 100) : `status ${status}`;
    if (status >= 500 && status !== 501) return new MoveFault('OldServerUnreachable', `The old server has trouble of its own: it answered ${status}.`, { theirError });
    if (status === 429) return new MoveFault('OldServerUnreachable', 'The old server asks to come back later.', { theirError });
    const isOver = status === 401 || (theirError === 'InvalidToken' && /^Token could not be verified|revoked/i.test(String(message)));
    if (isOver) return sessionOver(theirError);
    const words = typeof message === 'string' && message !== '' ? message.slice(0, maxWords) : theirError;
    return new MoveFault('OldServerRefused', `The old server said no: ${words}`, { theirError });
  }

  #unreachable(fault: unknown): unknown {
    if (this.#signal.aborted) return this.#signal.reason;
    if (fault instanceof MoveFault) return fault;
    return new MoveFault('OldServerUnreachable', `The old server at ${this.origin} cannot be reached (${reasonOf(fault)}).`, { cause: fault });
  }

  async #readObject({ body }: Response): Promise<Readonly<Record<string, unknown>>> {
    return parseObject(await readBounded(this.#guarded(body)));
  }

  /** What breaks off while it is read is the old server's fault too. */
  async *#guarded(body: Response['body']): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      if (body !== null) yield* body as ReadableStream<Uint8Array>;
    } catch (fault) {
      throw this.#unreachable(fault);
    }
  }
}

/** Whether an ExpiredToken is about the session: signing an operation says the same of the mailed code. */
function isSessionMatter(nsid: string, message: string): boolean {
  return nsid !== 'com.atproto.identity.signPlcOperation' || message.includes('Token has expired');
}

function sessionOver(theirError?: string): MoveFault {
  return new MoveFault('OldSessionOver', 'The sign-in at the old server does not hold any more. Sign in there once more to go on.', theirError === undefined ? {} : { theirError });
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) return {};
  let json: unknown;
  try {
    json = JSON.parse(utf8Decode(bytes));
  } catch {
    throw new MoveFault('OldServerRefused', 'The old server gave an answer that is no JSON.');
  }
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Readonly<Record<string, unknown>>) : {};
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw new MoveFault('OldServerRefused', `The old server gave an answer of more than ${maxAnswerBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
