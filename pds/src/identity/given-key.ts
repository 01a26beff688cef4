/**
 * A public key that somebody gives, as did:key: a person's own rotation key, or the signing key of another home.
 * Not for the keys of operations that come signed (`plc-operations.ts`).
 * Source: did:plc v0.3 and did:key; text ours.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { invalidRequest } from '@dunlin/service/xrpc/errors';

/** Checks that a key is of a kind that signs here; `what` is its name in the answer. @throws XrpcError 400 */
export function checkGivenKey(what: string, didKey: string): void {
  try {
    parseDidKey(didKey);
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest(`${what} must be a did:key of p256 or k256: ${fault.message}`);
    throw fault;
  }
}
