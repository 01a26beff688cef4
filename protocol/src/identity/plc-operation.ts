/**
 * Operations of did:plc: their shapes, bytes, signatures and the DID that a genesis operation makes.
 * Not for deciding whether an operation may follow another (see plc-log).
 * Shapes are strict: an unknown field would change the hash without anyone noticing.
 * Source: did:plc v0.3, "Operation Serialization, Signing, and Validation".
 */
import { fromBase64Url, toBase32, toBase64Url } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { encode } from '../data/cbor.ts';
import { cidForCbor, type Cid } from '../data/cid.ts';
import { parseDidKey } from '../crypto/did-key.ts';
import { sha256 } from '../crypto/hash.ts';
import type { Keypair } from '../crypto/keypair.ts';
import { verifySignature } from '../crypto/signature.ts';

/** One entry of `services`. */
export interface PlcService {
  readonly type: string;
  readonly endpoint: string;
}

/** What an operation says about a DID; map keys are fragments without `#`. */
export interface PlcState {
  /** did:key texts, the most powerful first. */
  readonly rotationKeys: readonly string[];
  readonly verificationMethods: Readonly<Record<string, string>>;
  readonly alsoKnownAs: readonly string[];
  readonly services: Readonly<Record<string, PlcService>>;
}

/** The present state of a DID, as `/:did/data` gives it. */
export interface PlcData extends PlcState {
  readonly did: string;
}

/** Creation (`prev` null) or update, before it is signed. */
export interface UnsignedPlcUpdate extends PlcState {
  readonly type: 'plc_operation';
  readonly prev: string | null;
}

/** Ends a DID, before it is signed. */
export interface UnsignedPlcTombstone {
  readonly type: 'plc_tombstone';
  readonly prev: string;
}

/** The creation of 2022 and early 2023, before it is signed; only read, never made. */
export interface UnsignedPlcLegacyCreate {
  readonly type: 'create';
  readonly signingKey: string;
  readonly recoveryKey: string;
  readonly handle: string;
  readonly service: string;
  readonly prev: null;
}

/** Any operation before it is signed. */
export type UnsignedPlcOperation = UnsignedPlcUpdate | UnsignedPlcTombstone | UnsignedPlcLegacyCreate;

/** A signed operation; `sig` is base64url without padding. */
export type Signed<T> = T & { readonly sig: string };

/** Any signed operation. */
export type SignedPlcOperation = Signed<UnsignedPlcUpdate> | Signed<UnsignedPlcTombstone> | Signed<UnsignedPlcLegacyCreate>;

/** Gives the canonical DAG-CBOR of an operation, signed or not. */
export function encodePlcOperation(operation: UnsignedPlcOperation | SignedPlcOperation): Uint8Array {
  return encode(operation);
}

/** Gives the CID that a following operation names in `prev`. */
export function plcOperationCid(operation: SignedPlcOperation): Cid {
  return cidForCbor(encodePlcOperation(operation));
}

/** Gives the DID that a signed genesis operation makes. */
export function didForGenesis(operation: SignedPlcOperation): string {
  return `did:plc:${toBase32(sha256(encodePlcOperation(operation))).slice(0, 24)}`;
}

/** Signs an operation with the private half of a rotation key. */
export function signPlcOperation<T extends UnsignedPlcOperation>(operation: T, rotationKey: Keypair): Signed<T> {
  return { ...operation, sig: toBase64Url(rotationKey.sign(encodePlcOperation(operation))) };
}

/** Makes the genesis operation of a new account and the DID that follows from it. */
export function createPlcGenesis(o: {
  signingKey: string;
  rotationKeys: readonly string[];
  handle: string;
  pdsUrl: string;
  rotationKeypair: Keypair;
}): { did: string; operation: Signed<UnsignedPlcUpdate> } {
  const operation = signPlcOperation<UnsignedPlcUpdate>({
    type: 'plc_operation',
    rotationKeys: o.rotationKeys,
    verificationMethods: { atproto: o.signingKey },
    alsoKnownAs: [`at://${o.handle}`],
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: o.pdsUrl } },
    prev: null,
  }, o.rotationKeypair);
  return { did: didForGenesis(operation), operation };
}

/**
 * Gives which of the keys signed an operation, the first that fits, null when none did.
 * Always checks: 64 bytes in exact base64url, low S. Does not check: whether that key had the right.
 */
export function findPlcSigner(operation: SignedPlcOperation, didKeys: readonly string[]): string | null {
  const { sig, ...unsigned } = operation;
  let signature: Uint8Array;
  try {
    signature = fromBase64Url(sig);
  } catch {
    return null;
  }
  const bytes = encodePlcOperation(unsigned);
  for (const didKey of didKeys) if (isSignedBy(didKey, bytes, signature)) return didKey;
  return null;
}

function isSignedBy(didKey: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verifySignature(parseDidKey(didKey), bytes, signature);
  } catch (error) {
    // Old logs hold rotation keys of kinds that were never supported; such a key signs nothing.
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

/** Gives what an operation says about the DID, a legacy creation in today's terms, null for a tombstone. */
export function plcStateOf(operation: SignedPlcOperation): PlcState | null {
  switch (operation.type) {
    case 'plc_tombstone':
      return null;
    case 'plc_operation': {
      const { rotationKeys, verificationMethods, alsoKnownAs, services } = operation;
      return { rotationKeys, verificationMethods, alsoKnownAs, services };
    }
    case 'create':
      return {
        rotationKeys: [operation.recoveryKey, operation.signingKey],
        verificationMethods: { atproto: operation.signingKey },
        alsoKnownAs: [`at://${operation.handle}`],
        services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: operation.service } },
      };
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function fail(detail: string): never {
  throw new ProtocolError('InvalidPlcOperation', detail);
}

function readObject(value: unknown, where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(`not an object: at=${where}`);
  return value as JsonObject;
}

function readText(value: unknown, where: string): string {
  if (typeof value !== 'string') fail(`not a string: at=${where}`);
  if (!value.isWellFormed()) fail(`not well-formed unicode: at=${where}`);
  return value;
}

function readTexts(value: unknown, where: string): string[] {
  if (!Array.isArray(value)) fail(`not an array: at=${where}`);
  return value.map((entry, index) => readText(entry, `${where}/${index}`));
}

function readMap<T>(value: unknown, where: string, readEntry: (entry: unknown, where: string) => T): Record<string, T> {
  const entries = Object.entries(readObject(value, where));
  return Object.fromEntries(entries.map(([key, entry]) => [readText(key, where), readEntry(entry, `${where}/${key}`)]));
}

function readExactly(value: JsonObject, where: string, fields: readonly string[]): void {
  for (const field of Object.keys(value)) if (!fields.includes(field)) fail(`unknown field: at=${where}/${field}`);
  for (const field of fields) if (!Object.hasOwn(value, field)) fail(`missing field: at=${where}/${field}`);
}

function readService(value: unknown, where: string): PlcService {
  const service = readObject(value, where);
  readExactly(service, where, ['type', 'endpoint']);
  return { type: readText(service['type'], `${where}/type`), endpoint: readText(service['endpoint'], `${where}/endpoint`) };
}

/**
 * Reads a signed operation from its JSON.
 * Always checks: exactly the fields of its type, of the right kinds.
 * Does not check: counts, lengths, keys, signature, order.
 * @throws ProtocolError InvalidPlcOperation, naming the place
 */
export function parsePlcOperation(json: unknown): SignedPlcOperation {
  const value = readObject(json, '');
  switch (value['type']) {
    case 'plc_operation':
      return parseUpdate(value);
    case 'plc_tombstone':
      readExactly(value, '', ['type', 'prev', 'sig']);
      return { type: 'plc_tombstone', prev: readText(value['prev'], '/prev'), sig: readText(value['sig'], '/sig') };
    case 'create':
      return parseLegacyCreate(value);
    default:
      return fail('unknown type: at=/type');
  }
}

function parseUpdate(value: JsonObject): Signed<UnsignedPlcUpdate> {
  readExactly(value, '', ['type', 'rotationKeys', 'verificationMethods', 'alsoKnownAs', 'services', 'prev', 'sig']);
  return {
    type: 'plc_operation',
    rotationKeys: readTexts(value['rotationKeys'], '/rotationKeys'),
    verificationMethods: readMap(value['verificationMethods'], '/verificationMethods', readText),
    alsoKnownAs: readTexts(value['alsoKnownAs'], '/alsoKnownAs'),
    services: readMap(value['services'], '/services', readService),
    prev: value['prev'] === null ? null : readText(value['prev'], '/prev'),
    sig: readText(value['sig'], '/sig'),
  };
}

function parseLegacyCreate(value: JsonObject): Signed<UnsignedPlcLegacyCreate> {
  readExactly(value, '', ['type', 'signingKey', 'recoveryKey', 'handle', 'service', 'prev', 'sig']);
  if (value['prev'] !== null) fail('not null: at=/prev');
  return {
    type: 'create',
    signingKey: readText(value['signingKey'], '/signingKey'),
    recoveryKey: readText(value['recoveryKey'], '/recoveryKey'),
    handle: readText(value['handle'], '/handle'),
    service: readText(value['service'], '/service'),
    prev: null,
    sig: readText(value['sig'], '/sig'),
  };
}
