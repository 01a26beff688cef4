/**
 * Passes a call on to another service in an account's name: its bytes as they are, with a token of the account for that service and
 * that method. Errors of the service come back as errors of the call.
 * Not for deciding where it goes or whether it may (`api/proxy.ts`).
 * Source: atproto.com/specs/xrpc, section on service proxying; the audience is the bare DID, as in the reference PDS.
 */
import type { Readable } from 'node:stream';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '@dunlin/protocol/base/clock';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import type { RawAnswer, RawExchange } from '@dunlin/service/http/raw-exchange';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import { requestHeaders } from './passed-on-headers.ts';
import type { ProxyTarget } from './proxy-target.ts';
import { upstreamError } from './upstream-error.ts';

/** In whose name a call goes out, for whom and for which method. */
export interface ForwardedIdentity {
  readonly account: Account;
  /** DID of the service the token is for. */
  readonly audience: string;
  readonly lxm: string;
}

/** A call that is passed on. */
export interface ForwardedCall {
  readonly target: ProxyTarget;
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Path with query, as the caller sent it. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable | null;
  /** Null sends no token. */
  readonly identity: ForwardedIdentity | null;
  /** Replaces what the caller accepts, for answers that are read here. */
  readonly acceptEncoding?: string;
  readonly signal?: AbortSignal;
}

/** Passes calls on. */
export class Forwarder {
  readonly #guarded: RawExchange;
  readonly #direct: RawExchange;
  readonly #keys: SigningKeys;
  readonly #clock: Clock;

  /** `direct` reaches the services the operator named, `guarded` all others. */
  constructor(o: { guarded: RawExchange; direct: RawExchange; keys: SigningKeys; clock: Clock }) {
    this.#guarded = o.guarded;
    this.#direct = o.direct;
    this.#keys = o.keys;
    this.#clock = o.clock;
  }

  /** Sends the call and gives a good answer, whose body must be read or destroyed. @throws UpstreamError; XrpcError 502 UpstreamFailure when the service cannot be reached */
  async send(call: ForwardedCall): Promise<RawAnswer> {
    const answer = await this.#exchange(call);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await upstreamError(answer);
  }

  /** Gives the headers that speak for an account. */
  authorization({ account, audience, lxm }: ForwardedIdentity): { authorization: string } {
    const token = mintServiceJwt({ issuer: account.did, audience, lxm, keypair: this.#keys.of(account.id), nowMs: this.#clock.nowMs() });
    return { authorization: `Bearer ${token}` };
  }

  async #exchange({ target, method, path, headers, body, identity, acceptEncoding, signal }: ForwardedCall): Promise<RawAnswer> {
    const passed = {
      ...requestHeaders(headers, { hasBody: body !== null }),
      ...(acceptEncoding !== undefined && { 'accept-encoding': acceptEncoding }),
      ...(identity && this.authorization(identity)),
    };
    const exchange = target.isTrusted ? this.#direct : this.#guarded;
    try {
      return await exchange({ origin: target.origin, path, method, headers: passed, body, ...(signal && { signal }) });
    } catch (fault) {
      if (fault instanceof XrpcError) throw fault;
      throw new XrpcError(502, 'UpstreamFailure', 'Upstream service unreachable', {}, { cause: fault });
    }
  }
}
