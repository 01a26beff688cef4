/**
 * Gives an account another handle: in its DID document, in the table, and as an #identity event.
 * Order: directory first, since the network believes the document (`identity-changes.ts`, which holds the name meanwhile); a repeat of the
 * same handle only tells of it again.
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
import type { IdentityChanges } from './identity-changes.ts';
import { refusedUpstream, withHandle, type PlcClient } from './plc-client.ts';

/** Changes handles. */
export class HandleChange {
  readonly #accounts: AccountStore;
  readonly #hosted: Pick<HostedDids, 'follows'>;
  readonly #changes: IdentityChanges;
  readonly #plc: PlcClient;
  readonly #resolver: IdentityResolver;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;

  constructor(o: {
    accounts: AccountStore; hosted: Pick<HostedDids, 'follows'>; identityChanges: IdentityChanges; plc: PlcClient; resolver: IdentityResolver;
    groups: GroupCommit; sequencer: Sequencer;
  }) {
    this.#accounts = o.accounts;
    this.#hosted = o.hosted;
    this.#changes = o.identityChanges;
    this.#plc = o.plc;
    this.#resolver = o.resolver;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
  }

  /** Gives the account the handle, which was judged before. @throws XrpcError 400 when it is taken, 502 UpstreamFailure, 503 while an earlier change is not settled */
  async apply(account: Account, handle: string): Promise<void> {
    const { id, did } = account;
    await this.#changes.freeUp(handle);
    this.#checkFree(account, handle);
    // While a change is open, the handle that the account has here may not be the one its document says.
    if (did.startsWith('did:plc:') && (handle !== account.handle || this.#changes.isOpen(did))) {
      const operation = () => this.#plc.sign(did, (state) => ({ ...state, alsoKnownAs: withHandle(state.alsoKnownAs, handle) }));
      const answer = await this.#changes.change(account, { handle, operation });
      if (!answer.accepted) throw refusedUpstream(answer);
      return;
    }
    if (handle !== account.handle && !this.#hosted.follows(did)) await this.#checkDocument(did, handle);
    await this.#groups.write(() => {
      this.#checkFree(account, handle);
      this.#accounts.setHandle(id, handle);
      this.#sequencer.stage(id, { kind: 'identity', did, handle });
    });
    this.#resolver.invalidate(did);
    this.#resolver.invalidateHandle(account.handle);
    this.#resolver.invalidateHandle(handle);
  }

  /** A did:web that is not written here is its owner's to change, and must name the handle already. */
  async #checkDocument(did: string, handle: string): Promise<void> {
    const document = await this.#resolver.resolveDid(did, { refresh: true });
    if (document?.handle !== handle) throw invalidRequest('DID is not properly configured for handle');
  }

  #checkFree(account: Account, handle: string): void {
    if (this.#accounts.byId(account.id) === null) throw invalidRequest('Account not found', 'AccountNotFound');
    this.#changes.checkFree(handle, account);
  }
}
