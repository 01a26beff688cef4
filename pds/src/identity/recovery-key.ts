/**
 * A rotation key that a person brings along for a new did:plc, above the server's own.
 * Not for keys of a DID that is there already (`plc-operations.ts`).
 * Source: did:plc v0.3; text ours.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { invalidRequest } from '@dunlin/service/xrpc/errors';

/** Checks that a key is one the directory takes. @throws XrpcError 400 */
export function checkRecoveryKey(didKey: string): void {
  try {
    parseDidKey(didKey);
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest(`Recovery key must be a did:key of p256 or k256: ${fault.message}`);
    throw fault;
  }
}
