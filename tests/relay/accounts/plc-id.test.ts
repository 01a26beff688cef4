import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { packPlc, plcIdBytes, unpackPlc } from '@dunlin/relay/accounts/plc-id';

const letters = [...'abcdefghijklmnopqrstuvwxyz234567'];

test('packs every did:plc into fifteen bytes and back', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(...letters), { minLength: 24, maxLength: 24 }), (chars) => {
    const did = `did:plc:${chars.join('')}`;
    const packed = new Uint8Array(plcIdBytes);
    expect(packPlc(did, packed, 0)).toBe(true);
    expect(unpackPlc(packed, 0)).toBe(did);
  }));
});

test('refuses what is no did:plc', () => {
  for (const did of ['did:web:example.com', `did:plc:${'a'.repeat(23)}`, `did:plc:${'a'.repeat(25)}`, `did:plc:${'a'.repeat(23)}1`, `did:plc:${'a'.repeat(23)}é`, `DID:plc:${'a'.repeat(24)}`]) {
    expect(packPlc(did, new Uint8Array(plcIdBytes), 0)).toBe(false);
  }
});
