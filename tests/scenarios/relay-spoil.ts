/**
 * Ways to spoil a right event, by name, for the scenarios in relay/*.json: what a scenario calls "spoil".
 * Not for production. Each takes the event's body as decoded and the account, and gives the body to send.
 */
import { readCar } from '@dunlin/protocol/car/read';
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import type { CborMap, CborValue } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidFromDigest } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { decodeCommit, signCommit } from '@dunlin/protocol/repo/commit';
import type { FakeAccount } from '../relay/fixture/fake-account.ts';

/** A body that may be changed. */
export type Body = { [key: string]: CborValue };

type Spoil = (body: Body, account: FakeAccount) => Body;

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Gives the CAR of a body taken apart. */
function open(body: Body): { root: Cid; blocks: [Cid, Uint8Array][] } {
  const { roots, blocks } = readCar(body['blocks'] as Uint8Array);
  const [root] = roots;
  if (!root) throw new Error('car has no root');
  return { root, blocks: [...blocks] };
}

/** Gives the body with another CAR. */
function close(body: Body, root: Cid, blocks: Iterable<readonly [Cid, Uint8Array]>): Body {
  return { ...body, blocks: writeCar(root, blocks) };
}

/** Gives the body with another commit object in place of its own, named by the event too. */
function withCommit(body: Body, bytes: Uint8Array): Body {
  const { root, blocks } = open(body);
  const cid = cidForCbor(bytes);
  const rest = blocks.filter(([each]) => !each.equals(root));
  return { ...close(body, cid, [[cid, bytes], ...rest]), ...(body['commit'] !== undefined && { commit: cid }) };
}

function commitOf(body: Body): ReturnType<typeof decodeCommit> {
  const { root, blocks } = open(body);
  const found = blocks.find(([cid]) => cid.equals(root));
  if (!found) throw new Error('car has no commit');
  return decodeCommit(found[1]);
}

function resigned(body: Body, fields: Partial<{ did: string; rev: string; data: Cid; keypair: Keypair }>, account: FakeAccount): Body {
  const { did, rev, data } = commitOf(body);
  return withCommit(body, signCommit({ did, rev, data, keypair: account.keypair, ...fields }).bytes);
}

function highS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  return Buffer.concat([signature.subarray(0, 32), Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')]);
}

function withoutBlocks(body: Body, isGone: (cid: Cid, bytes: Uint8Array, root: Cid) => boolean): Body {
  const { root, blocks } = open(body);
  return close(body, root, blocks.filter(([cid, bytes]) => !isGone(cid, bytes, root)));
}

function operation(body: Body): Body {
  return { ...((body['ops'] as CborMap[])[0] as Body) };
}

function withOperation(body: Body, change: Body): Body {
  return { ...body, ops: [{ ...operation(body), ...change }] };
}

const someCid = cidForCbor(encode({ some: 'block' }));

function isRecord(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).includes('createdAt');
}

/** Every way, by name. */
export const spoils: Readonly<Record<string, Spoil>> = {
  'signed by another key': (body, account) => resigned(body, { keypair: Keypair.generate(account.keypair.curve) }, account),
  'high-s signature': (body, account) => {
    const commit = commitOf(body);
    return withCommit(resigned(body, {}, account), encode({ ...commit, sig: highS(commit.sig) }));
  },
  'commit of another account': (body, account) => resigned(body, { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }, account),
  'commit with another rev': (body, account) => resigned(body, { rev: '3kabcdefgh222' }, account),
  'commit of version 2': (body, account) => {
    const { sig: _sig, ...unsigned } = { ...commitOf(body), version: 2 };
    return withCommit(body, encode({ ...unsigned, sig: account.keypair.sign(encode(unsigned)) }));
  },
  'commit without signature': (body) => {
    const { sig: _sig, ...unsigned } = commitOf(body);
    return withCommit(body, encode(unsigned));
  },
  'commit with a field too many': (body) => withCommit(body, encode({ ...commitOf(body), extra: 1 })),
  'event names another commit': (body) => ({ ...body, commit: someCid }),
  'block with another hash': (body) => {
    const { root, blocks } = open(body);
    const [first, ...rest] = blocks;
    if (!first) throw new Error('car is empty');
    return close(body, root, [first, ...rest.map(([, bytes]): [Cid, Uint8Array] => [cidFromDigest(0x71, sha256(Buffer.from('other'))), bytes])]);
  },
  'block that is not canonical': (body) => {
    const { root, blocks } = open(body);
    const bytes = Uint8Array.from([0x18, 0x01]);
    return close(body, root, [...blocks, [cidFromDigest(0x71, sha256(bytes)), bytes]]);
  },
  'car cut short': (body) => ({ ...body, blocks: (body['blocks'] as Uint8Array).subarray(0, -7) }),
  'car of version 2': (body) => {
    const { root, blocks } = open(body);
    const header = encode({ roots: [root], version: 2 });
    return { ...body, blocks: Buffer.concat([Buffer.from([header.length]), header, ...blocks.map(([cid, bytes]) => Buffer.concat([varint(36 + bytes.length), cid.bytes, bytes]))]) };
  },
  'car without the commit': (body) => withoutBlocks(body, (cid, _bytes, root) => cid.equals(root)),
  'car without the record': (body) => withoutBlocks(body, (_cid, bytes) => isRecord(bytes)),
  'car without tree nodes': (body) => withoutBlocks(body, (cid, bytes, root) => !cid.equals(root) && !isRecord(bytes)),
  'tree node that is no node': (body, account) => {
    const bytes = encode({ not: 'a node' });
    const cid = cidForCbor(bytes);
    const next = resigned(body, { data: cid }, account);
    const { root, blocks } = open(next);
    return close(next, root, [...blocks, [cid, bytes]]);
  },
  'operation with another cid': (body) => {
    const bytes = encode({ $type: 'app.bsky.feed.post', createdAt: 'other' });
    const { root, blocks } = open(body);
    return withOperation(close(body, root, [...blocks, [cidForCbor(bytes), bytes]]), { cid: cidForCbor(bytes) });
  },
  'operation with another path': (body) => withOperation(body, { path: 'app.bsky.feed.post/elsewhere' }),
  'operation with another prev': (body) => withOperation(body, { prev: someCid }),
  'create with prev': (body) => withOperation(body, { prev: someCid }),
  'create told as update': (body) => withOperation(body, { action: 'update', prev: someCid }),
  'operation without prev': (body) => {
    const { prev: _prev, ...rest } = operation(body);
    return { ...body, ops: [rest] };
  },
  'operation with null cid': (body) => withOperation(body, { cid: null }),
  'delete with a cid': (body) => withOperation(body, { cid: someCid }),
  'unknown action': (body) => withOperation(body, { action: 'replace' }),
  'same path twice': (body) => ({ ...body, ops: [operation(body), operation(body)] }),
  '201 operations': (body) => ({ ...body, ops: Array.from({ length: 201 }, (_, i) => ({ ...operation(body), path: `app.bsky.feed.post/op${i}` })) }),
  'operation left out': (body) => ({ ...body, ops: [] }),
  'another prevData': (body) => ({ ...body, prevData: someCid }),
  'without prevData': (body) => without(body, 'prevData'),
  'without prevData and prev': (body) => ({
    ...without(body, 'prevData'),
    ops: (body['ops'] as CborMap[]).map((op) => without(op as Body, 'prev')),
  }),
};

function without(body: Body, name: string): Body {
  const { [name]: _gone, ...rest } = body;
  return rest;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.from(bytes);
  }
}

/** Gives the body with blocks nobody needs, until its CAR has exactly so many bytes. */
export function padBlocks(body: Body, bytes: number): Body {
  const { root, blocks } = open(body);
  const padded = new BlockMap();
  for (const [cid, block] of blocks) padded.set(cid, block);
  for (let missing = bytes - writeCar(root, padded).length; missing > 0; missing = bytes - writeCar(root, padded).length) {
    const block = filler(Math.min(missing, 900_000), missing, padded.size);
    padded.add(block);
  }
  return close(body, root, padded);
}

/** A canonical block that takes as nearly `wanted` bytes of a CAR as it can without going beyond; never leaves too little for another. */
function filler(wanted: number, missing: number, salt: number): Uint8Array {
  const room = missing - wanted > 0 && missing - wanted < 100 ? wanted - 200 : wanted;
  for (let text = room - 36; text > 0; text--) {
    const block = encode({ n: salt % 20, x: 'f'.repeat(text) });
    const size = varint(36 + block.length).length + 36 + block.length;
    if (size <= room && (room === missing ? size === room : true)) return block;
  }
  throw new Error(`cannot fill ${wanted} bytes`);
}

/** Gives the body with one more block of exactly so many bytes, which nobody needs. */
export function addBlock(body: Body, bytes: number): Body {
  const { root, blocks } = open(body);
  for (let text = bytes; text > 0; text--) {
    const block = encode('b'.repeat(text));
    if (block.length === bytes) return close(body, root, [...blocks, [cidForCbor(block), block]]);
  }
  throw new Error(`no block of ${bytes} bytes`);
}
