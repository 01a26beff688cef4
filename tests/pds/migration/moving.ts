/**
 * People on their way: a did:plc with a repository made by nobody's server, its CAR, and a deactivated account for it here.
 * Not for: moving between two real servers (tests/peers/migration.test.ts).
 * Source: ours; trees and commits are made with protocol/.
 */
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, type Cid } from '@dunlin/protocol/data/cid';
import { writeCar } from '@dunlin/protocol/car/write';
import { createPlcGenesis } from '@dunlin/protocol/identity/plc-operation';
import { Mst } from '@dunlin/protocol/mst/tree';
import { signCommit } from '@dunlin/protocol/repo/commit';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { call } from '../small-pds.ts';

export interface Traveller {
  did: string;
  signingKey: Keypair;
  rotationKey: Keypair;
  /** Access token of the deactivated account. */
  token: string;
}

export interface MadeRepo {
  car: Buffer;
  root: Cid;
  data: Cid;
  blocks: [Cid, Uint8Array][];
}

/** Registers a DID at an old home and opens a deactivated account for it at any PDS. */
export async function newTraveller(o: { plcUrl: string; url: string }, name: string): Promise<Traveller> {
  const [signingKey, rotationKey] = [Keypair.generate(), Keypair.generate()];
  const { did, operation } = createPlcGenesis({
    signingKey: signingKey.did, rotationKeys: [rotationKey.did], handle: `${name}.test`, pdsUrl: 'https://old.example.org', rotationKeypair: rotationKey,
  });
  await fetch(`${o.plcUrl}/${did}`, { method: 'POST', body: JSON.stringify(operation), headers: { 'content-type': 'application/json' } });
  const audience = String((await call(o.url, 'com.atproto.server.describeServer')).json['did']);
  const token = mintServiceJwt({ issuer: did, audience, lxm: 'com.atproto.server.createAccount', keypair: signingKey, nowMs: Date.now() });
  const { status, json } = await call(o.url, 'com.atproto.server.createAccount', { body: { handle: `${name}.test`, did, email: `${name}@people.org`, password: 'x' }, token });
  if (status !== 200) throw new Error(`account was not made: ${JSON.stringify(json)}`);
  return { did, signingKey, rotationKey, token: String(json['accessJwt']) };
}

/** Makes a repository of records by path. */
export function makeRepo(did: string, keypair: Keypair, records: Iterable<readonly [path: string, record: object]>, rev = tidFromMicros(Date.now() * 1000, 1)): MadeRepo {
  const tree = Mst.empty();
  const blocks = new BlockMap();
  for (const [path, record] of records) {
    const bytes = encode(record);
    const cid = cidForCbor(bytes);
    blocks.set(cid, bytes);
    tree.insert(path, cid);
  }
  const data = tree.root();
  blocks.addAll(tree.newBlocks());
  const commit = signCommit({ did, data, rev, keypair });
  blocks.set(commit.cid, commit.bytes);
  const list = [...blocks];
  return { car: Buffer.from(writeCar(commit.cid, list)), root: commit.cid, data, blocks: list };
}
