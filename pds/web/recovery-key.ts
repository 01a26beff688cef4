/**
 * A recovery key made in this browser: a P-256 key pair whose private half never leaves it but as the file the person keeps.
 * Named as did:key for the DID's rotation keys; written as multibase, hex and JWK, so that any tool of the network can use it.
 * Source: W3C did:key, multicodec (p256-pub 0x1200, p256-priv 0x1306), did:plc v0.3.
 */

/** The key. */
export interface RecoveryKey {
  readonly didKey: string;
  /** Multibase of the private key, as `goat` and others read it. */
  readonly secret: string;
  readonly secretHex: string;
}

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Makes a key. */
export async function makeRecoveryKey(): Promise<RecoveryKey> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const { d } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const secret = fromBase64Url(d ?? '');
  return { didKey: didKeyOf(point), secret: multibase([0x86, 0x26, ...secret]), secretHex: [...secret].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
}

/** Gives the file the person keeps. */
export function recoveryFile({ didKey, secret, secretHex }: RecoveryKey, { did, handle }: { did: string; handle: string }): string {
  return [
    'RECOVERY KEY. Whoever has this can take the account over. Keep it offline, and tell nobody.',
    '',
    `Account:       ${did} (@${handle})`,
    `Public key:    ${didKey}`,
    `Private key:   ${secret}`,
    `  as hex:      ${secretHex}  (P-256)`,
    '',
    'With it you can move your account to another server, or take it back within 72 hours of a change you did not make,',
    'by signing an operation of the did:plc directory; the program goat does that, for example.',
    '',
  ].join('\n');
}

/** Curves of keys that may rule an identity, with the codes that name them in a did:key. */
export const curveCodes = { p256: [0x80, 0x24], k256: [0xe7, 0x01] } as const;

/** Gives the did:key of a point, 04 x y. */
export function didKeyOf(point: Uint8Array, curve: keyof typeof curveCodes = 'p256'): string {
  return `did:key:${multibase([...curveCodes[curve], ...compress(point)])}`;
}

/** Tells whether a text names a key of one of these curves; not whether its point is on the curve, which the server looks at. */
export function isDidKey(text: string): boolean {
  const bytes = text.startsWith('did:key:') ? fromMultibase(text.slice('did:key:'.length)) : null;
  return bytes?.length === 35 && (bytes[2] === 2 || bytes[2] === 3) && Object.values(curveCodes).some(([a, b]) => bytes[0] === a && bytes[1] === b);
}

/** 04 x y → 02 or 03, by whether y is odd, then x. */
function compress(point: Uint8Array): number[] {
  return [0x02 + ((point[64] ?? 0) & 1), ...point.subarray(1, 33)];
}

/** Gives the bytes of base64url. */
export function fromBase64Url(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (sign) => sign.charCodeAt(0));
}

/** Base58btc with its prefix. */
function multibase(bytes: readonly number[]): string {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = '';
  for (; number > 0n; number /= 58n) text = `${alphabet[Number(number % 58n)]}${text}`;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return `z${text}`;
}

/** Gives the bytes of base58btc with its prefix; null when it is none. */
export function fromMultibase(text: string): Uint8Array | null {
  let number = 0n;
  for (const sign of text.slice(1)) {
    const digit = alphabet.indexOf(sign);
    if (digit < 0) return null;
    number = number * 58n + BigInt(digit);
  }
  const hex = number.toString(16);
  return text.startsWith('z') ? fromHex(hex.padStart(hex.length + (hex.length % 2), '0')) : null;
}

/** Gives the bytes of an even number of hex digits. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
