/**
 * Gives an account another handle: in its DID document, in the table, and as an #identity event.
 * Order: directory first, since the network believes the document; a repeat of the same handle only tells of it again. When somebody
 * else took the handle while the directory was asked, the document gets the one before back.
 * Not here: which handles may be had (`account/handle-rules.ts`), whether a foreign one resolves (`handle-choice.ts`).
 * Source: behaviour of the reference PDS.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import type { HostedDids } from './hosted-dids.ts';
import type { PlcClient } from './plc-client.ts';

/** Changes handles. */
export class HandleChange {
  readonly #accounts: AccountStore;
  readonly #hosted: Pick<HostedDids, 'follows'>;
  readonly #plc: PlcClient;
  readonly #resolver: IdentityResolver;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;

  constructor(o: { accounts: AccountStore; hosted: Pick<HostedDids, 'follows'>; plc: PlcClient; resolver: IdentityResolver; groups: GroupCommit; sequencer: Sequencer }) {
    this.#accounts = o.accounts;
    this.#hosted = o.hosted;
    this.#plc = o.plc;
    this.#resolver = o.resolver;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
  }

  /** Gives the account the handle, which was judged before. @throws XrpcError 400 when it is taken, 502 UpstreamFailure */
  async apply(account: Account, handle: string): Promise<void> {
    this.#checkFree(account, handle);
    if (handle !== account.handle) await this.#changeDocument(account.did, handle);
    try {
      await this.#groups.write(() => {
        this.#checkFree(account, handle);
        this.#accounts.setHandle(account.id, handle);
        this.#sequencer.stage(account.id, { kind: 'identity', did: account.did, handle });
      });
    } catch (fault) {
      // The caller hears of the first fault; a directory that cannot be asked now gets the name at the next change.
      if (handle !== account.handle && account.did.startsWith('did:plc:')) await this.#changeDocument(account.did, account.handle).catch(() => undefined);
      throw fault;
    }
    this.#resolver.invalidate(account.did);
    this.#resolver.invalidateHandle(account.handle);
    this.#resolver.invalidateHandle(handle);
  }

  /** Names the handle in the DID document; one written here follows the account, another did:web's is its owner's to change, and must name it already. */
  async #changeDocument(did: string, handle: string): Promise<void> {
    if (did.startsWith('did:plc:')) return this.#plc.update(did, (state) => ({ ...state, alsoKnownAs: withHandle(state.alsoKnownAs, handle) }));
    if (this.#hosted.follows(did)) return;
    const document = await this.#resolver.resolveDid(did, { refresh: true });
    if (document?.handle !== handle) throw invalidRequest('DID is not properly configured for handle');
  }

  #checkFree(account: Account, handle: string): void {
    const holder = this.#accounts.byHandle(handle);
    if (holder !== null && holder.id !== account.id) throw invalidRequest(`Handle already taken: ${handle}`, 'HandleNotAvailable');
  }
}

/** Puts the handle in the place of the first one and keeps whatever else the document names. */
export function withHandle(alsoKnownAs: readonly string[], handle: string): string[] {
  const others = alsoKnownAs.filter((name) => !name.startsWith('at://'));
  return [`at://${handle}`, ...others];
}
