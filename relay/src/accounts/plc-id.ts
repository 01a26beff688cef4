/**
 * The identifier of a did:plc as 15 bytes and back: 24 base32 characters carry exactly 120 bits.
 * Not for other DIDs, nor for judging a DID: protocol/identity/did.ts says what one looks like.
 * Source: did:plc v0.3 (base32 of a SHA-256, cut at 24 characters); alphabet of RFC 4648, lower case.
 */

/** Bytes of a packed identifier. */
export const plcIdBytes = 15;

const prefix = 'did:plc:';
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const valueOf = new Int8Array(128).fill(-1);
for (let i = 0; i < alphabet.length; i++) valueOf[alphabet.charCodeAt(i)] = i;

/** Packs a did:plc into `target` at `at`; false when the text is not one. */
export function packPlc(did: string, target: Uint8Array, at: number): boolean {
  if (did.length !== 32 || !did.startsWith(prefix)) return false;
  for (let block = 0; block < 3; block++) {
    // Eight characters are forty bits; two halves of twenty keep clear of the sign bit.
    const left = pack4(did, 8 + block * 8);
    const right = pack4(did, 12 + block * 8);
    if (left < 0 || right < 0) return false;
    const to = at + block * 5;
    target[to] = left >>> 12;
    target[to + 1] = (left >>> 4) & 0xff;
    target[to + 2] = ((left & 0xf) << 4) | (right >>> 16);
    target[to + 3] = (right >>> 8) & 0xff;
    target[to + 4] = right & 0xff;
  }
  return true;
}

/** Gives the DID of a packed identifier. */
export function unpackPlc(source: Uint8Array, at: number): string {
  let did = prefix;
  for (let block = 0; block < 3; block++) {
    const from = at + block * 5;
    const byte = (i: number): number => source[from + i] ?? 0;
    did += unpack4((byte(0) << 12) | (byte(1) << 4) | (byte(2) >>> 4));
    did += unpack4(((byte(2) & 0xf) << 16) | (byte(3) << 8) | byte(4));
  }
  return did;
}

function pack4(text: string, at: number): number {
  let packed = 0;
  for (let i = at; i < at + 4; i++) {
    const value = valueOf[text.charCodeAt(i)] ?? -1;
    if (value < 0) return -1;
    packed = (packed << 5) | value;
  }
  return packed;
}

function unpack4(packed: number): string {
  const char = (shift: number): string => alphabet.charAt((packed >>> shift) & 31);
  return char(15) + char(10) + char(5) + char(0);
}
