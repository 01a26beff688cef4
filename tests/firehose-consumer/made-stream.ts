/**
 * Accounts made for a test: real keys, real commits, frames as a server would send them, and a resolver that knows them.
 * Not for: servers of the house, which make their frames themselves.
 * Place: tests of the firehose consumer.
 * Source: ours.
 */
import type { PublicKey } from '@dunlin/protocol/crypto/did-key';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { writeCar } from '@dunlin/protocol/car/write';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import type { DidDocument } from '@dunlin/protocol/identity/did-document';
import type { IdentityResolver, ResolveOptions } from '@dunlin/protocol/identity/resolver';
import { walkEntries } from '@dunlin/protocol/mst/walk';
import { exportRepo } from '@dunlin/protocol/repo/export';
import { applyWrites } from '@dunlin/protocol/repo/apply';
import type { CommitData, RepoHead } from '@dunlin/protocol/repo/apply';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import type { CommitEvent } from '@dunlin/protocol/stream/event';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';

/** When all made events happened. */
export const madeTime = '2026-01-01T00:00:00.000Z';
const firstRevMicros = Date.parse(madeTime) * 1_000;

/** One write, in short: a record, or null to delete. */
export type Write = { action?: 'create' | 'update'; path: string; record: object } | { path: string; record: null };

/** An account with a repository in memory. */
export class MadeAccount {
  readonly did: string;
  keypair = Keypair.generate();
  readonly #blocks = new BlockMap();
  #head: RepoHead | null = null;
  #revs = 0;

  constructor(name: string, did = `did:web:${name}.test`) {
    this.did = did;
  }

  /** Gives the event of a commit with these writes. */
  commit(seq: number, ...writes: Write[]): CommitEvent {
    const data = this.#apply(writes);
    const { did, rev, since, cid: commit, prevData, ops } = data;
    const blocks = writeCar(commit, data.eventBlocks);
    return { kind: 'commit', seq, did, rev, since, commit, prevData, blocks, ops, blobs: [], time: madeTime, tooBig: false, rebase: false };
  }

  /** Gives the frame of a commit that creates one record. */
  create(seq: number, path: string, record: object = { $type: 'app.test.record', seq }): Uint8Array {
    return encodeEvent(this.commit(seq, { path, record }));
  }

  /** Gives the frame of a #sync at the present head. */
  sync(seq: number): Uint8Array {
    const { cid, rev } = this.#head as RepoHead;
    const blocks = writeCar(cid, [[cid, this.#blocks.get(cid) as Uint8Array]]);
    return encodeEvent({ kind: 'sync', seq, did: this.did, rev, blocks, time: madeTime });
  }

  /** Gives the whole repository as a server would send it, null before the first commit. */
  car(): Uint8Array | null {
    const head = this.#head;
    return head && writeCar(head.cid, exportRepo(this.#blocks, head));
  }

  /** Gives the present records: path to CID, as text. */
  records(): Map<string, string> {
    const entries = this.#head ? [...walkEntries(this.#blocks, this.#head.data)] : [];
    return new Map(entries.map(({ key, value }) => [key, value.toString()]));
  }

  #apply(writes: Write[]): CommitData {
    const rev = tidFromMicros(firstRevMicros + this.#revs++, 0);
    const data = applyWrites({ source: this.#blocks, head: this.#head, did: this.did, keypair: this.keypair, rev, writes: writes.map(prepared) });
    this.#blocks.addAll(data.newBlocks);
    this.#head = { cid: data.cid, rev, data: data.data };
    return data;
  }
}

function prepared(write: Write): PreparedWrite {
  const [collection = '', rkey = ''] = write.path.split('/');
  if (write.record === null) return { action: 'delete', collection, rkey };
  const bytes = encode(write.record);
  return { action: write.action ?? 'create', collection, rkey, cid: cidForCbor(bytes), bytes };
}

/** Gives the frame of a commit that creates one record without any proof: enough where nothing is verified. */
export function unprovenCreate(seq: number, did: string, path: string, record: object = { $type: 'app.test.record', seq }): Uint8Array {
  const bytes = encode(record);
  const cid = cidForCbor(bytes);
  return encodeEvent({
    kind: 'commit', seq, did, rev: tidFromMicros(firstRevMicros + seq, 0), since: null, commit: cid, prevData: null,
    blocks: writeCar(cid, [[cid, bytes]]), ops: [{ action: 'create', path, cid, prev: null }], blobs: [], time: madeTime, tooBig: false, rebase: false,
  });
}

/** Resolves the accounts it was told of; counts who was asked for and can be told to be out of reach. */
export class MadeResolver implements IdentityResolver {
  readonly keys = new Map<string, PublicKey | null>();
  /** "did" or "did!" for a refresh, in order. */
  readonly asked: string[] = [];
  readonly invalidated: string[] = [];
  /** The server of every account. */
  pdsUrl: string | null = null;
  /** Called before each answer; may throw or wait. */
  before: (did: string) => void | Promise<void> = () => undefined;

  constructor(...accounts: MadeAccount[]) {
    for (const { did, keypair } of accounts) this.keys.set(did, keypair.publicKey);
  }

  async resolveDid(did: string, options: ResolveOptions = {}): Promise<DidDocument | null> {
    this.asked.push(options.refresh ? `${did}!` : did);
    await this.before(did);
    options.signal?.throwIfAborted();
    const signingKey = this.keys.get(did);
    if (signingKey === undefined) return null;
    return { did, handle: null, alsoKnownAs: [], signingKey, pdsUrl: this.pdsUrl, services: [], raw: null };
  }

  invalidate(did: string): void {
    this.invalidated.push(did);
  }

  resolveHandle = (): Promise<null> => Promise.resolve(null);
  verifiedHandle = (): Promise<null> => Promise.resolve(null);
  invalidateHandle = (): void => undefined;
  put = (): void => undefined;
}

/** What a resolver throws when the directory is out of reach. */
export function unavailable(): ProtocolError {
  return new ProtocolError('IdentityUnavailable', 'directory did not answer');
}
