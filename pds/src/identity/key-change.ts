/**
 * Gives an account another signing key, one that was reserved here before (`account/reserved-keys.ts`).
 * Order: directory first, then the key, a fresh commit signed with it, and the events, in one transaction. If that transaction
 * fails, a repeat of the same call mends it. A did:web's document is its owner's to change: it must name the key already, unless it is
 * written here, where it follows the account.
 * Not for keys that others hold: this server signs with it. Source: lexicon com.atproto.admin.updateAccountSigningKey; events
 * (#identity, #sync) as the reference's key rotation script.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import { accountState } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { ReservedKeys } from '../account/reserved-keys.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import { syncEvent } from '../repo/events.ts';
import type { RepoRenewal } from '../repo/renewal.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import type { HostedDids } from './hosted-dids.ts';
import type { PlcClient } from './plc-client.ts';

/** Changes signing keys. */
export class KeyChange {
  readonly #accounts: AccountStore;
  readonly #reserved: ReservedKeys;
  readonly #keys: SigningKeys;
  readonly #renewal: RepoRenewal;
  readonly #hosted: Pick<HostedDids, 'follows'>;
  readonly #plc: PlcClient;
  readonly #resolver: IdentityResolver;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;

  constructor(o: {
    accounts: AccountStore; hosted: Pick<HostedDids, 'follows'>; reservedKeys: ReservedKeys; keys: SigningKeys; renewal: RepoRenewal; plc: PlcClient;
    resolver: IdentityResolver; groups: GroupCommit; sequencer: Sequencer;
  }) {
    this.#accounts = o.accounts;
    this.#reserved = o.reservedKeys;
    this.#keys = o.keys;
    this.#renewal = o.renewal;
    this.#hosted = o.hosted;
    this.#plc = o.plc;
    this.#resolver = o.resolver;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
  }

  /** Gives the account the key. @throws XrpcError 400 when it was not reserved here, 502 UpstreamFailure */
  async apply(account: Account, didKey: string): Promise<void> {
    const keypair = this.#reserved.findByKey(didKey);
    if (keypair === null) throw invalidRequest(`signing key was not reserved here: ${didKey}`);
    if (account.did.startsWith('did:plc:')) {
      await this.#plc.update(account.did, (state) => ({ ...state, verificationMethods: { ...state.verificationMethods, atproto: didKey } }));
    } else if (!this.#hosted.follows(account.did)) {
      const document = await this.#resolver.resolveDid(account.did, { refresh: true });
      if (document?.signingKey?.didKey !== didKey) throw invalidRequest('DID document does not name the key yet');
    }
    await this.#groups.write((group) => {
      this.#accounts.setSigningKey(account.id, keypair.privateBytes());
      this.#reserved.release(keypair);
      const commit = this.#renewal.renew(group, { accountId: account.id, did: account.did, keypair });
      group.afterCommit(() => this.#keys.forget(account.id));
      if (!accountState(account).active) return;
      this.#sequencer.stage(account.id, { kind: 'identity', did: account.did, handle: account.handle });
      this.#sequencer.stage(account.id, syncEvent({ did: account.did, ...commit }));
    });
    this.#resolver.invalidate(account.did);
  }
}
