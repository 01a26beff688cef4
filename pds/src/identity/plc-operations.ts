/**
 * Changes of a did:plc that its owner asks for: a code by mail, an operation signed with this server's rotation key, and
 * submission of an operation somebody signed, provided that it leaves the account working here.
 * Signing takes the code, since whoever can sign can take the account away; submitting does not, since it cannot harm.
 * Not here: HTTP. Source: lexicons com.atproto.identity.*PlcOperation*; order, checks and texts as the reference PDS.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parsePlcOperation, type PlcState, type Signed, type SignedPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import type { MailCodes } from '../mail/mail-codes.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { IdentityChanges } from './identity-changes.ts';
import type { PlcClient } from './plc-client.ts';
import type { ServerIdentity } from './server-identity.ts';

/** What of a DID's state is to change; what is left out stays. Shapes are checked here. */
export type WantedPlcState = { readonly [Part in keyof PlcState]?: unknown };

/** Signs and submits operations. */
export class PlcOperations {
  readonly #plc: PlcClient;
  readonly #keys: SigningKeys;
  readonly #server: ServerIdentity;
  readonly #codes: MailCodes;
  readonly #groups: GroupCommit;
  readonly #changes: IdentityChanges;

  constructor(o: {
    plc: PlcClient; keys: SigningKeys; server: ServerIdentity; mailCodes: MailCodes; groups: GroupCommit; identityChanges: IdentityChanges;
  }) {
    this.#plc = o.plc;
    this.#keys = o.keys;
    this.#server = o.server;
    this.#codes = o.mailCodes;
    this.#groups = o.groups;
    this.#changes = o.identityChanges;
  }

  /** Sends the code that signing takes. @throws XrpcError 400, 502 */
  requestSignature(account: Account): Promise<void> {
    return this.#codes.send(account, 'plc_operation');
  }

  /** Signs a change of the DID's present state; the code is used up once the operation is made. @throws XrpcError 400 InvalidToken, ExpiredToken, InvalidRequest, 502 */
  async sign(account: Account, code: string, wanted: WantedPlcState): Promise<Signed<UnsignedPlcUpdate>> {
    this.#codes.check(account.id, 'plc_operation', code);
    const operation = await this.#plc.sign(account.did, (state) => withWanted(state, wanted));
    await this.#groups.write(() => this.#codes.use(account.id, 'plc_operation', code));
    return operation;
  }

  /** Submits a signed operation that leaves the account working here, and tells the network. @throws XrpcError 400, 502 UpstreamFailure, 503 while an earlier change is not settled */
  async submit(account: Account, json: unknown): Promise<void> {
    const signed = parseOperation(json);
    const operation = (now: Account): SignedPlcOperation => {
      this.#checkServes(now, signed);
      return signed;
    };
    const answer = await this.#changes.change(account, { operation });
    if (!answer.accepted) throw invalidRequest(`did:plc directory refused the operation: ${answer.message}`);
  }

  #checkServes(account: Account, { rotationKeys, services, verificationMethods, alsoKnownAs }: UnsignedPlcUpdate): void {
    if (!rotationKeys.includes(this.#plc.rotationKey)) throw invalidRequest("Rotation keys do not include server's rotation key");
    const service = services['atproto_pds'];
    if (service?.type !== 'AtprotoPersonalDataServer') throw invalidRequest('Incorrect type on atproto_pds service');
    if (service.endpoint !== this.#server.publicUrl) throw invalidRequest('Incorrect endpoint on atproto_pds service');
    if (verificationMethods['atproto'] !== this.#keys.of(account.id).did) throw invalidRequest('Incorrect signing key');
    if (alsoKnownAs[0] !== `at://${account.handle}`) throw invalidRequest('Incorrect handle in alsoKnownAs');
  }
}

function parseOperation(json: unknown): Signed<UnsignedPlcUpdate> {
  try {
    const operation = parsePlcOperation(json);
    if (operation.type === 'plc_operation') return operation;
  } catch (fault) {
    if (!(fault instanceof ProtocolError)) throw fault;
    throw invalidRequest(`Invalid operation: ${fault.message}`);
  }
  throw invalidRequest('Invalid operation');
}

/** Gives the state with the wanted parts in place, all of the right shape. */
function withWanted(state: PlcState, wanted: WantedPlcState): PlcState {
  const { rotationKeys, alsoKnownAs, verificationMethods, services } = wanted;
  const checked = parseOperation({
    type: 'plc_operation', prev: null, sig: '',
    rotationKeys: rotationKeys ?? state.rotationKeys,
    alsoKnownAs: alsoKnownAs ?? state.alsoKnownAs,
    verificationMethods: verificationMethods ?? state.verificationMethods,
    services: services ?? state.services,
  });
  return {
    rotationKeys: checked.rotationKeys, alsoKnownAs: checked.alsoKnownAs,
    verificationMethods: checked.verificationMethods, services: checked.services,
  };
}
