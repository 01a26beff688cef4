/**
 * A passkey in software: makes and shows P-256 credentials as a browser and its authenticator would, bytes and all.
 * Not for: testing browsers; tests/browser uses Chromium's virtual authenticator.
 * Source: WebAuthn Level 3, 6.1 (authenticator data), 6.5.4 (attestation object), 5.8.1 (client data).
 */
import { createHash, createSign, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';

interface Options {
  challenge: string;
}

export interface Differences {
  origin?: string;
  rpId?: string;
  challenge?: string;
  counter?: number;
  /** Bits of the authenticator: 1 somebody was there, 4 it was made sure who. */
  flags?: number;
  /** What it says of its make: a format, and a statement in CBOR. */
  attestation?: { format: string; statement: Buffer };
}

const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();

export class SoftPasskey {
  readonly id = randomBytes(32);
  readonly #privateKey: KeyObject;
  readonly #coseKey: Buffer;
  readonly #origin: string;
  counter = 0;

  constructor(origin: string) {
    this.#origin = origin;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#privateKey = privateKey;
    const { x, y } = publicKey.export({ format: 'jwk' });
    const coordinate = (value: string | undefined): Buffer => Buffer.concat([Buffer.from([0x58, 0x20]), Buffer.from(value!, 'base64url')]);
    this.#coseKey = Buffer.concat([Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]), coordinate(x), Buffer.from([0x22]), coordinate(y)]);
  }

  /** What navigator.credentials.create would give. */
  create(options: unknown, differences: Differences = {}): Record<string, unknown> {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.id.length);
    const authData = Buffer.concat([this.#authData(0x45, differences), Buffer.alloc(16), length, this.id, this.#coseKey]);
    const { format, statement } = differences.attestation ?? { format: 'none', statement: Buffer.from([0xa0]) };
    const attestationObject = Buffer.concat([
      Buffer.from([0xa3, 0x63]), Buffer.from('fmt'), Buffer.from([0x60 + format.length]), Buffer.from(format),
      Buffer.from([0x67]), Buffer.from('attStmt'), statement,
      Buffer.from([0x68]), Buffer.from('authData'), Buffer.from([0x58, authData.length]), authData,
    ]);
    return this.#answer({
      clientDataJSON: this.#clientData('webauthn.create', options, differences).toString('base64url'),
      attestationObject: attestationObject.toString('base64url'), transports: ['internal', 'teleport'],
    });
  }

  /** What navigator.credentials.get would give. */
  get(options: unknown, differences: Differences = {}): Record<string, unknown> {
    this.counter++;
    const authData = this.#authData(differences.flags ?? 0x05, differences);
    const clientData = this.#clientData('webauthn.get', options, differences);
    const signature = createSign('sha256').update(Buffer.concat([authData, sha256(clientData)])).sign(this.#privateKey);
    return this.#answer({
      clientDataJSON: clientData.toString('base64url'), authenticatorData: authData.toString('base64url'), signature: signature.toString('base64url'),
    });
  }

  #authData(flags: number, { rpId, counter }: Differences): Buffer {
    const tail = Buffer.alloc(5);
    tail[0] = flags;
    tail.writeUInt32BE(counter ?? this.counter, 1);
    return Buffer.concat([sha256(rpId ?? new URL(this.#origin).hostname), tail]);
  }

  #clientData(type: string, options: unknown, { origin, challenge }: Differences): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge: challenge ?? (options as Options).challenge, origin: origin ?? this.#origin, crossOrigin: false }));
  }

  #answer(response: Record<string, unknown>): Record<string, unknown> {
    const id = this.id.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }
}
