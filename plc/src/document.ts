/**
 * Writes the DID document that a state of a DID amounts to.
 * Not for reading documents (protocol/identity/did-document).
 * Keys are Multikey with full ids; services have bare fragments, as the public directory gives them.
 * Source: did:plc v0.3, "Presentation as DID Document".
 */
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import type { PlcData } from '@dunlin/protocol/identity/plc-operation';

/** The JSON of a DID document. */
export interface DidDocumentJson {
  readonly '@context': readonly string[];
  readonly id: string;
  readonly alsoKnownAs: readonly string[];
  readonly verificationMethod: readonly { id: string; type: string; controller: string; publicKeyMultibase: string }[];
  readonly service: readonly { id: string; type: string; serviceEndpoint: string }[];
}

const baseContext = ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'];
const curveContext = {
  k256: 'https://w3id.org/security/suites/secp256k1-2019/v1',
  p256: 'https://w3id.org/security/suites/ecdsa-2019/v1',
};

/** Gives the context of a key's curve, null for a kind of key that is only passed on. */
function contextOf(didKey: string): string | null {
  try {
    return curveContext[parseDidKey(didKey).curve];
  } catch {
    return null;
  }
}

/** Writes a DID document. */
export function formatDidDocument(data: PlcData): DidDocumentJson {
  const { did } = data;
  const contexts = new Set(baseContext);
  const verificationMethod = Object.entries(data.verificationMethods).map(([id, didKey]) => {
    const context = contextOf(didKey);
    if (context !== null) contexts.add(context);
    return { id: `${did}#${id}`, type: 'Multikey', controller: did, publicKeyMultibase: didKey.slice('did:key:'.length) };
  });
  const service = Object.entries(data.services).map(([id, { type, endpoint }]) => ({ id: `#${id}`, type, serviceEndpoint: endpoint }));
  return { '@context': [...contexts], id: did, alsoKnownAs: data.alsoKnownAs, verificationMethod, service };
}
