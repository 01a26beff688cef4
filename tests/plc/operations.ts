/**
 * Keys and operations for tests of the directory.
 * Not for: product code. Place: tests/plc and tests/protocol/identity.
 * Source: ours.
 */
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { didForGenesis, plcOperationCid, signPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import type { Signed, SignedPlcOperation, UnsignedPlcTombstone, UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';

/** Keys that every test may use; making one costs more than signing. */
export const keys = Array.from({ length: 6 }, (_, index) => Keypair.generate(index % 2 === 0 ? 'k256' : 'p256'));

/** An update before it is signed: fields that matter to the test, the rest ordinary. */
export function update(fields: Partial<Omit<UnsignedPlcUpdate, 'type'>> = {}): UnsignedPlcUpdate {
  return {
    type: 'plc_operation',
    rotationKeys: keys.slice(0, 3).map((key) => key.did),
    verificationMethods: { atproto: keys[5].did },
    alsoKnownAs: ['at://alice.test'],
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.example.com' } },
    prev: null,
    ...fields,
  };
}

/** A signed genesis with its DID. */
export function genesis(fields: Partial<Omit<UnsignedPlcUpdate, 'type'>> = {}, key = keys[0]): { did: string; operation: Signed<UnsignedPlcUpdate> } {
  const operation = signPlcOperation(update(fields), key);
  return { did: didForGenesis(operation), operation };
}

/** A signed update that follows another operation. */
export function following(prev: SignedPlcOperation, key: Keypair, fields: Partial<UnsignedPlcUpdate> = {}): Signed<UnsignedPlcUpdate> {
  return signPlcOperation(update({ ...fields, prev: plcOperationCid(prev).toString() }), key);
}

/** A signed tombstone that follows another operation. */
export function tombstone(prev: SignedPlcOperation, key: Keypair): Signed<UnsignedPlcTombstone> {
  return signPlcOperation({ type: 'plc_tombstone', prev: plcOperationCid(prev).toString() }, key);
}
