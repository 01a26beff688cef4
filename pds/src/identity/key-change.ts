/**
 * Gives an account another signing key, one that was reserved here before (`account/reserved-keys.ts`).
 * Order: directory first, then the key, a fresh commit signed with it, and the events, in one transaction (`identity-changes.ts`).
 * A did:web's document is its owner's to change: it must name the key already, unless it is written here, where it follows the account.
 * Not for keys that others hold: this server signs with it. Source: lexicon com.atproto.admin.updateAccountSigningKey; events
 * (#identity, #sync) as the reference's key rotation script.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { ReservedKeys } from '../account/reserved-keys.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { HostedDids } from './hosted-dids.ts';
import type { IdentityChanges } from './identity-changes.ts';
import type { IntentSettlement } from './intent-settlement.ts';
import { refusedUpstream, type PlcClient } from './plc-client.ts';

/** Changes signing keys. */
export class KeyChange {
  readonly #reserved: ReservedKeys;
  readonly #hosted: Pick<HostedDids, 'follows'>;
  readonly #changes: IdentityChanges;
  readonly #settlement: IntentSettlement;
  readonly #plc: PlcClient;
  readonly #resolver: IdentityResolver;
  readonly #groups: GroupCommit;

  constructor(o: {
    hosted: Pick<HostedDids, 'follows'>; reservedKeys: ReservedKeys; identityChanges: IdentityChanges; settlement: IntentSettlement; plc: PlcClient;
    resolver: IdentityResolver; groups: GroupCommit;
  }) {
    this.#reserved = o.reservedKeys;
    this.#hosted = o.hosted;
    this.#changes = o.identityChanges;
    this.#settlement = o.settlement;
    this.#plc = o.plc;
    this.#resolver = o.resolver;
    this.#groups = o.groups;
  }

  /** Gives the account the key. @throws XrpcError 400 when it was not reserved here, 502 UpstreamFailure, 503 while an earlier change is not settled */
  async apply(account: Account, didKey: string): Promise<void> {
    const { id, did } = account;
    const keypair = this.#reserved.findByKey(didKey);
    if (keypair === null) throw invalidRequest(`signing key was not reserved here: ${didKey}`);
    if (did.startsWith('did:plc:')) {
      const operation = () => this.#plc.sign(did, (state) => ({ ...state, verificationMethods: { ...state.verificationMethods, atproto: didKey } }));
      const answer = await this.#changes.change(account, { keypair, operation });
      if (!answer.accepted) throw refusedUpstream(answer);
      return;
    }
    if (!this.#hosted.follows(did)) {
      const document = await this.#resolver.resolveDid(did, { refresh: true });
      if (document?.signingKey?.didKey !== didKey) throw invalidRequest('DID document does not name the key yet');
    }
    await this.#groups.write((group) => this.#settlement.setKey(group, id, keypair));
    this.#resolver.invalidate(did);
  }
}
