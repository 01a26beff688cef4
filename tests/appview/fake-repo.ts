/**
 * Accounts with real keys and repositories, without a server: what they write becomes frames on a fake firehose.
 * Not for: PDS behaviour. The resolver knows these accounts only.
 * Source: ours.
 */
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import { fromJson } from '@dunlin/protocol/data/json';
import { createIdentityResolver, type IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { systemClock } from '@dunlin/protocol/base/clock';
import { applyWrites, type RepoHead } from '@dunlin/protocol/repo/apply';
import { TidClock } from '@dunlin/protocol/repo/tid';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import type { FakeFirehose } from '../harness/fake-firehose.ts';
import type { IndexOperation } from '@dunlin/appview/index/event';

const directory = 'http://127.0.0.1:1';
const server = 'http://127.0.0.1:2';

/** A world of fake accounts behind one fake relay. */
export class FakeNetwork {
  readonly resolver: IdentityResolver;
  readonly #firehose: FakeFirehose;
  readonly #tids = new TidClock(systemClock);
  readonly #documents = new Map<string, unknown>();
  /** What the accounts' servers say a handle names. */
  readonly handles = new Map<string, string>();
  #seq = 0;

  constructor(firehose: FakeFirehose) {
    this.#firehose = firehose;
    this.resolver = createIdentityResolver({
      plcUrl: directory, fetch: (url) => Promise.resolve(this.#answer(String(url))), resolveTxt: () => Promise.resolve([]), clock: systemClock, allowInsecure: true,
    });
  }

  account(did: string, handle: string | null = null): FakeAccount {
    return new FakeAccount(did, handle, this);
  }

  /** Makes a document what the directory says. */
  publish(did: string, document: unknown): void {
    this.#documents.set(`${directory}/${did}`, document);
  }

  #answer(url: string): Response {
    const document = this.#documents.get(url);
    if (document !== undefined) return Response.json(document);
    const did = this.handles.get(new URL(url).searchParams.get('handle') ?? '');
    return did === undefined ? new Response('', { status: 404 }) : Response.json({ did });
  }

  nextRev(after: string | null): string {
    return this.#tids.next(after);
  }

  /** Puts a frame on the stream; `make` gets its seq. */
  send(make: (seq: number) => Uint8Array): number {
    const seq = ++this.#seq;
    this.#firehose.append({ seq, bytes: make(seq) });
    return seq;
  }
}

/** One account. */
export class FakeAccount {
  readonly did: string;
  readonly keypair = Keypair.generate();
  readonly #network: FakeNetwork;
  readonly #blocks = new BlockMap();
  #head: RepoHead | null = null;

  constructor(did: string, handle: string | null, network: FakeNetwork) {
    this.did = did;
    this.#network = network;
    if (handle !== null) network.handles.set(handle, did);
    this.#publish(handle);
  }

  /** Says in its document that it has this handle, whoever the handle names; the stream tells of it. */
  claim(handle: string, named: string): number {
    this.#network.handles.set(handle, named);
    this.#publish(handle);
    return this.#network.send((seq) => encodeEvent({ kind: 'identity', seq, did: this.did, handle, time: new Date().toISOString() }));
  }

  #publish(handle: string | null): void {
    const { did } = this;
    const verificationMethod = [{ id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: this.keypair.did.slice('did:key:'.length) }];
    const service = [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: server }];
    this.#network.publish(did, { id: did, alsoKnownAs: handle === null ? [] : [`at://${handle}`], verificationMethod, service });
  }

  /** Writes in one commit, signed by this account's key or by another's. */
  write(operations: readonly IndexOperation[], signer: Keypair = this.keypair): number {
    const rev = this.#network.nextRev(this.#head?.rev ?? null);
    const commit = applyWrites({ source: this.#blocks, head: this.#head, did: this.did, keypair: signer, rev, writes: operations.map((each) => this.#prepare(each)) });
    this.#blocks.addAll(commit.newBlocks);
    if (signer === this.keypair) this.#head = { cid: commit.cid, rev, data: commit.data };
    return this.#network.send((seq) => encodeEvent({
      kind: 'commit', seq, did: this.did, rev, since: commit.since, commit: commit.cid, prevData: commit.prevData,
      blocks: writeCar(commit.cid, commit.eventBlocks), ops: commit.ops, blobs: [], time: new Date().toISOString(), tooBig: false, rebase: false,
    }));
  }

  /** Says that the account's status changed. */
  status(status: string): number {
    const active = status === 'active';
    return this.#network.send((seq) => encodeEvent({ kind: 'account', seq, did: this.did, active, status: active ? null : status, time: new Date().toISOString() }));
  }

  token(audience: string, lxm: string | null, o: { nowMs?: number; lifetimeSeconds?: number; keypair?: Keypair } = {}): string {
    return mintServiceJwt({ issuer: this.did, audience, lxm, keypair: o.keypair ?? this.keypair, nowMs: o.nowMs ?? Date.now(), lifetimeSeconds: o.lifetimeSeconds ?? 60 });
  }

  readonly #has = new Set<string>();

  #prepare(operation: IndexOperation): PreparedWrite {
    const { collection, rkey } = operation;
    const path = `${collection}/${rkey}`;
    if (operation.action === 'delete') {
      this.#has.delete(path);
      return { action: 'delete', collection, rkey };
    }
    const bytes = encode(fromJson(operation.record));
    const action = this.#has.has(path) ? 'update' : 'create';
    this.#has.add(path);
    return { action, collection, rkey, cid: cidForCbor(bytes), bytes };
  }
}
