/**
 * Says whether somebody may have a handle: by the rules of the words, and for a foreign domain by asking the network.
 * Not here: whether it is taken, which only the moment of writing can say. Texts as the reference PDS.
 * Source: atproto.com/specs/handle.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { HostedDids } from './hosted-dids.ts';
import { judgeHandle } from '../account/handle-rules.ts';

/** Judges wished-for handles. */
export class HandleChoice {
  readonly #domains: readonly string[];
  readonly #hosts: readonly string[];
  readonly #resolver: IdentityResolver;
  readonly #hosted: Pick<HostedDids, 'isHeld'>;

  /** `domains` are this server's, each with a leading dot, `hosts` its own names. */
  constructor(o: { domains: readonly string[]; hosts: readonly string[]; resolver: IdentityResolver; hosted: Pick<HostedDids, 'isHeld'> }) {
    this.#domains = o.domains;
    this.#hosts = o.hosts;
    this.#resolver = o.resolver;
    this.#hosted = o.hosted;
  }

  /**
   * Gives the handle in lower case when the DID may have it; `did` null stands for one that is not made yet.
   * @throws XrpcError 400 InvalidHandle, HandleNotAvailable, UnsupportedDomain, InvalidRequest
   */
  async check(typed: string, did: string | null, { allowReserved = false } = {}): Promise<string> {
    const verdict = judgeHandle(typed, { domains: this.#domains, hosts: this.#hosts, allowReserved });
    if (verdict.kind === 'refused') throw invalidRequest(verdict.message, verdict.error);
    if (verdict.kind === 'local') {
      if (this.#hosted.isHeld(verdict.handle, did)) throw invalidRequest(`Handle already taken: ${verdict.handle}`, 'HandleNotAvailable');
      return verdict.handle;
    }
    if (did === null) throw invalidRequest('Not a supported handle domain', 'UnsupportedDomain');
    const found = await this.#resolver.resolveHandle(verdict.handle, { refresh: true });
    if (found !== did) throw invalidRequest('External handle did not resolve to DID');
    return verdict.handle;
  }
}
