/**
 * Certificates made on the spot, of any name and any span of time, signed by themselves or by an authority that is made too.
 * Not for production: keys are new each time and nothing is checked. Source: RFC 5280, X.690 (DER).
 */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** A certificate with its key, as PEM. */
export interface MadeCertificate {
  readonly key: string;
  readonly cert: string;
}

/** An authority that signs. */
export interface Authority extends MadeCertificate {
  readonly privateKey: KeyObject;
  readonly name: string;
}

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : content.length < 0x100 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const commonName = (name: string): Buffer => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));
const time = (ms: number): Buffer => der(0x18, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`));
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const extension = (id: string, isCritical: boolean, value: Buffer): Buffer => sequence(oid(id), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value));

/** Makes a certificate. Without an issuer it signs itself. */
export function makeCertificate(o: { name: string; fromMs?: number; toMs?: number; isAuthority?: boolean; issuer?: Authority }): Authority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = Date.now();
  const extensions = sequence(
    extension('551d13', true, o.isAuthority ? sequence(der(0x01, Buffer.of(0xff))) : sequence()),
    extension('551d11', false, sequence(der(0x82, Buffer.from(o.name)))),
  );
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), der(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])), ecdsaWithSha256, commonName(o.issuer?.name ?? o.name),
    sequence(time(o.fromMs ?? nowMs - 3_600_000), time(o.toMs ?? nowMs + 90 * 86_400_000)), commonName(o.name), publicKey.export({ format: 'der', type: 'spki' }), der(0xa3, extensions),
  );
  const signature = sign('sha256', body, o.issuer?.privateKey ?? privateKey);
  const cert = sequence(body, ecdsaWithSha256, der(0x03, Buffer.of(0), signature));
  return { name: o.name, privateKey, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), cert: `-----BEGIN CERTIFICATE-----\n${cert.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n` };
}
