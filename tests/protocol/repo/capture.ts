/**
 * The captured stream of a real PDS, with the keys its accounts had: input of the tests that hold our verification against it.
 * Place: tests of repo/ and bench/verify-commit; absent in a bare clone. Source: tests/harness/{vectors,capture}.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDidKey, type PublicKey } from '@dunlin/protocol/crypto/did-key';
import { parseDidDocument } from '@dunlin/protocol/identity/did-document';
import { readFrames } from '../../harness/capture.ts';
import { captureFolder, readJson } from '../../harness/vectors.ts';

/** The two streams: `pds` is which server sent them. */
export interface Capture {
  readonly framesOfA: Buffer[];
  readonly framesOfB: Buffer[];
  /** Signing key of an account as the server had it. */
  keyOf(did: string, server: 'A' | 'B'): PublicKey;
  /** Repositories and proofs: CAR bytes with the account, and the path that a proof is about. */
  readonly cars: { readonly did: string; readonly bytes: Buffer }[];
  readonly proofs: { readonly did: string; readonly path: string; readonly bytes: Buffer }[];
}

interface Manifest {
  readonly proofs: { readonly did: string; readonly collection: string; readonly rkey: string; readonly file: string }[];
}

interface AuditEntry {
  readonly operation: { readonly verificationMethods?: { readonly atproto?: string } };
}

/** Reads the capture; null when the folder is not there. */
export function readCapture(): Capture | null {
  const folder = captureFolder();
  if (folder === null) return null;
  const keys = new Map<string, PublicKey>();
  const keyOf = (did: string, server: 'A' | 'B'): PublicKey => {
    const name = `${server} ${did}`;
    const known = keys.get(name) ?? readKey(folder, did, server);
    keys.set(name, known);
    return known;
  };
  const cars = readdirSync(join(folder, 'cars')).map((file) => ({ did: `did:plc:${file.slice(0, -4)}`, bytes: readFileSync(join(folder, 'cars', file)) }));
  const proofs = readJson<Manifest>(folder, 'manifest.json').proofs.map(({ did, collection, rkey, file }) => ({
    did, path: `${collection}/${rkey}`, bytes: readFileSync(join(folder, file)),
  }));
  return { framesOfA: readFrames(join(folder, 'frames.bin')), framesOfB: readFrames(join(folder, 'frames-pds-b.bin')), keyOf, cars, proofs };
}

/** On B the key that came first, on A the one of today. */
function readKey(folder: string, did: string, server: 'A' | 'B'): PublicKey {
  const id = did.slice('did:plc:'.length);
  if (server === 'B') return parseDidKey(readJson<AuditEntry[]>(folder, 'plc-log', `${id}.audit.json`)[0]!.operation.verificationMethods!.atproto!);
  return parseDidDocument(did, readJson(folder, 'did', `${id}.json`)).signingKey!;
}
