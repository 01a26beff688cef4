/**
 * What a person signs to bring an account back: who may know the key that signs, what the DID says now, what it is to say, and which keys stay.
 * Not for the way through the pages (`restore.ts`).
 * Source: ours; app.dunlin.move.prepareRestore, did:plc v0.3.
 */
import type { Archive } from './archive.ts';
import { identityTable, type IdentityTable, type RotationKey } from './identity-view.ts';
import { ask } from './page.ts';
import type { PlcChange, Signer } from './rotation-signature.ts';

/** What the DID says now, and what this server puts into it. */
interface Ground extends Omit<PlcChange, 'type'> {
  readonly signingKey: string;
  readonly serverKeys: readonly string[];
  readonly pdsUrl: string;
}

/** A change of the DID that can be looked at and signed. */
export interface RestorePlan {
  /** What is shown before the signature. */
  readonly parts: readonly HTMLElement[];
  /** Signs what is shown, with a handle. @throws Error with a sentence while a key is undecided */
  sign(handle: string): Promise<unknown>;
}

/** Asks what the DID says now, and finds which of the keys rules it. @throws AnswerError, Error with a sentence */
export async function planRestore(archive: Archive, signers: readonly Signer[], handle: string): Promise<RestorePlan> {
  const ground = (await ask('/xrpc/app.dunlin.move.prepareRestore', { body: { did: archive.did } })) as Ground;
  const signer = signers.find(({ didKey }) => ground.rotationKeys.includes(didKey));
  if (signer === undefined) throw new Error(`this key does not rule the account: ${signers.map(({ didKey }) => didKey).join(' or ')} is not among its rotation keys`);
  const table = tableOf(ground, { archive, signer, handle });
  return {
    parts: table.parts,
    sign: async (chosen) => signer.sign(changeHere(ground, { handle: chosen, keptKeys: [signer.didKey, ...table.keptKeys()] })),
  };
}

function tableOf(ground: Ground, { archive, signer, handle }: { archive: Archive; signer: Signer; handle: string }): IdentityTable {
  const { rotationKeys, serverKeys, alsoKnownAs, verificationMethods, services, signingKey, pdsUrl } = ground;
  const holderOf = (key: string): RotationKey['holder'] => (key === signer.didKey ? 'you' : serverKeys.includes(key) ? 'thisServer' : archive.serverKeys.includes(key) ? 'oldServer' : 'unknown');
  const keys = [...new Set([...rotationKeys, ...serverKeys])].map((key) => ({ key, holder: holderOf(key), change: rotationKeys.includes(key) ? ('stays' as const) : ('comes' as const) }));
  const otherEntries = [
    ...alsoKnownAs.filter((name) => !name.startsWith('at://')).map((value) => ({ name: 'name', value })),
    ...Object.entries(verificationMethods).filter(([id]) => id !== 'atproto').map(([id, value]) => ({ name: `key #${id}`, value })),
    ...Object.entries(services).filter(([id]) => id !== 'atproto_pds').map(([id, { type, endpoint }]) => ({ name: `service #${id}`, value: `${type} ${endpoint}` })),
  ];
  return identityTable({ handle, signingKey, pdsUrl, keys, otherEntries }, 'the archive');
}

/** What the DID is to say: this server's parts, the keys that stay in their order, and all else as it is. */
function changeHere({ prev, rotationKeys, alsoKnownAs, verificationMethods, services, signingKey, serverKeys, pdsUrl }: Ground, { handle, keptKeys }: { handle: string; keptKeys: readonly string[] }): PlcChange {
  return {
    type: 'plc_operation', prev,
    rotationKeys: [...new Set([...rotationKeys.filter((key) => keptKeys.includes(key)), ...serverKeys])],
    alsoKnownAs: [`at://${handle}`, ...alsoKnownAs.filter((name) => !name.startsWith('at://'))],
    verificationMethods: { ...verificationMethods, atproto: signingKey },
    services: { ...services, atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: pdsUrl } },
  };
}
