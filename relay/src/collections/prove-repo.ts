/**
 * Has a host prove which collections a repository has: signed commit and tree nodes on the way to where keys between
 * collections would be, one question a collection at most; those that lie on nodes already seen need none.
 * Not for how often and when (checks.ts). The fetch given is guarded against private addresses, bounded in bytes and time.
 * Always checks: hashes, the commit's account and signature, that no node on the way is missing. So nothing is left out
 * and nothing added; only that there is no newer commit cannot be proven.
 * Source: ours; lexicon com.atproto.sync.getRecord, whose answer for a record that is not there is the way to its place.
 */
import { isValidNsid } from '@atproto/syntax';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { readCar } from '@dunlin/protocol/car/read';
import { publicKeyFromPoint } from '@dunlin/protocol/crypto/did-key';
import type { PublicKey } from '@dunlin/protocol/crypto/did-key';
import { latin1Text } from '@dunlin/protocol/data/cbor-cursor';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { cidDigest, cidToBytes, sameCid } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { rootHeight } from '@dunlin/protocol/mst/flat-node';
import { loadNode, lowerBound } from '@dunlin/protocol/mst/node';
import type { Link, MstNode } from '@dunlin/protocol/mst/node';
import { decodeCommit, verifyCommitSignature } from '@dunlin/protocol/repo/commit';
import type { Commit } from '@dunlin/protocol/repo/commit';
import type { AccountKey, RepoState } from '../accounts/account-row.ts';
import { retryMsOf } from '../hosts/retry-after.ts';

/** What became of it. */
export type Proof =
  | { readonly kind: 'proven'; readonly collections: ReadonlySet<string>; readonly repo: RepoState }
  /** The host gives no such proofs, or none that holds, or it would take too many. */
  | { readonly kind: 'unprovable'; readonly detail: string }
  /** Nobody answered, or with "later", or it changed too often meanwhile; `retryMs` when the host said how long to wait. */
  | { readonly kind: 'failed'; readonly retryMs: number | null };

/** What is to be proven, and how one asks. */
export interface ProofRequest {
  readonly fetch: typeof globalThis.fetch;
  readonly origin: string;
  readonly did: string;
  readonly key: AccountKey;
  /** What the host said; only saves questions. */
  readonly claimed: readonly string[];
  /** Waits for one's turn at the host; not called before the first question. */
  readonly turn: () => Promise<void>;
  readonly nowMs: () => number;
}

const maxQuestions = 40;
const maxCollections = 1_000;
/** Commits that one begins anew with while one asks. */
const maxCommits = 4;
const maxBytes = 8_388_608;
const carLimits = { maxBlocks: 256, maxBytes: 2_097_152 };
/** Highest record keys: of nearly all that are in use, and of all. */
const lastKeys = ['~', '~'.repeat(512)];

/** Asks; throws only for mistakes of our own. */
export async function proveRepo(request: ProofRequest): Promise<Proof> {
  const tree = new ProvenTree(request.did, publicKeyFromPoint(request.key.curve, request.key.bytes));
  const asked = new Set<string>();
  while (true) {
    const found = tree.collections();
    if (found.kind !== 'missing') return found;
    const place = placesAfter(found.after, request.claimed).find((each) => !asked.has(each));
    if (place === undefined) return { kind: 'unprovable', detail: 'the host leaves nodes out' };
    if (asked.size >= maxQuestions) return { kind: 'unprovable', detail: 'it takes too many questions' };
    if (asked.size > 0) await request.turn();
    asked.add(place);
    const answer = await ask(request, place);
    if (answer.kind !== 'car') return answer;
    const fault = tree.add(answer.bytes);
    // That somebody writes much says nothing against the host: it is asked again later.
    if (tree.commits > maxCommits) return { kind: 'failed', retryMs: null };
    if (fault !== null) return { kind: 'unprovable', detail: fault };
    // Of another commit the ways may be others.
    if (tree.isNew) asked.clear();
  }
}

/** Records that are most likely not there, between the collection that ends at `after` and the next one. */
function placesAfter(after: string, claimed: readonly string[]): string[] {
  if (after === '') return [...claimed.slice(0, 1), 'a.a.a'].map((collection) => `${collection}/-`);
  return lastKeys.map((key) => after.slice(0, -1) + '/' + key);
}

async function ask({ fetch, origin, did, nowMs }: ProofRequest, place: string): Promise<Exclude<Proof, { kind: 'proven' }> | { readonly kind: 'car'; readonly bytes: Uint8Array }> {
  const at = place.indexOf('/');
  const query = new URLSearchParams({ did, collection: place.slice(0, at), rkey: place.slice(at + 1) });
  try {
    const response = await fetch(`${origin}/xrpc/com.atproto.sync.getRecord?${query.toString()}`, { headers: { accept: 'application/vnd.ipld.car' } });
    if (response.ok) return { kind: 'car', bytes: new Uint8Array(await response.arrayBuffer()) };
    await response.body?.cancel();
    if (response.status === 429 || response.status >= 500 && response.status !== 501) return { kind: 'failed', retryMs: retryMsOf(response.headers, nowMs()) };
    return { kind: 'unprovable', detail: `the host gives no proofs: status=${response.status}` };
  } catch {
    return { kind: 'failed', retryMs: null };
  }
}

/** What is known of one repository's tree by the blocks that came. */
class ProvenTree {
  readonly #did: string;
  readonly #key: PublicKey;
  readonly #blocks = new BlockMap();
  #head: Cid | null = null;
  #commit: Commit | null = null;
  /** Different commits that came. */
  commits = 0;
  /** The last CAR was of another commit than the one before. */
  isNew = false;

  constructor(did: string, key: PublicKey) {
    this.#did = did;
    this.#key = key;
  }

  /** Takes the blocks of an answer; gives what is wrong with it, or null. */
  add(bytes: Uint8Array): string | null {
    try {
      const { roots: [head], blocks } = readCar(bytes, carLimits);
      this.isNew = false;
      if (head === undefined) return 'the answer names no commit';
      if (!sameCid(head, this.#head)) {
        const fault = this.#take(head, blocks.get(head));
        if (fault !== null) return fault;
      }
      this.#blocks.addAll(blocks);
      return this.#blocks.byteLength > maxBytes ? 'its nodes are too large' : null;
    } catch (error) {
      if (error instanceof ProtocolError) return error.message;
      throw error;
    }
  }

  /** Gives the collections when all of them are proven; else after which one nothing is known. */
  collections(): Proof | { readonly kind: 'missing'; readonly after: string } {
    if (this.#commit === null || this.#head === null) return { kind: 'missing', after: '' };
    const { rev, data } = this.#commit;
    const collections = new Set<string>();
    // A node is read once, however many collections one comes to it for: its owner chose how large it is.
    const nodes = new Map<string, MstNode>();
    let after = '';
    try {
      for (let key = this.#next(nodes, data, after); key !== null; key = this.#next(nodes, data, after)) {
        const end = key.indexOf('/');
        const collection = end > 0 ? key.slice(0, end) : '';
        if (!isValidNsid(collection)) return { kind: 'unprovable', detail: 'a key of the tree is no record\'s' };
        if (collections.add(collection).size > maxCollections) return { kind: 'unprovable', detail: 'it has too many collections' };
        // '0' stands right behind '/', so nothing but the collection's keys lies between.
        after = `${collection}0`;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return error.code === 'MissingBlock' ? { kind: 'missing', after } : { kind: 'unprovable', detail: error.message };
    }
    return { kind: 'proven', collections, repo: { rev, data: cidDigest(data), head: cidDigest(this.#head) } };
  }

  #take(head: Cid, block: Uint8Array | undefined): string | null {
    if (block === undefined) return 'the answer lacks its commit';
    this.commits += 1;
    const commit = decodeCommit(block);
    if (commit.did !== this.#did) return 'the commit is of another account';
    if (!verifyCommitSignature(block, this.#key)) return 'the commit is not signed with the key of the account';
    this.isNew = this.#head !== null;
    this.#head = head;
    this.#commit = commit;
    return null;
  }

  /** Gives the first key above one that is not in the tree, or null. @throws ProtocolError MissingBlock when a node on the way is missing, InvalidMst */
  #next(nodes: Map<string, MstNode>, root: Cid, after: string): string | null {
    let [next, low, high] = [null as string | null, '', '\uffff'];
    let link: Link | null = cidToBytes(root);
    for (let height = rootHeight; link !== null; ) {
      const node = this.#node(nodes, link, height);
      // They ascend, so the first and the last speak for all.
      const isBetween = (node.keys[0] ?? high) > low && (node.keys.at(-1) ?? low) < high;
      if (!isBetween) throw new ProtocolError('InvalidMst', 'key does not lie between the keys around its node');
      const index = lowerBound(node.keys, after);
      next = node.keys[index] ?? next;
      [low, high] = [node.keys[index - 1] ?? low, node.keys[index] ?? high];
      link = node.subtrees[index] as Link | null;
      height = node.height - 1;
    }
    return next;
  }

  #node(nodes: Map<string, MstNode>, link: Link, height: number): MstNode {
    const name = `${height} ${latin1Text(link, 0, link.length)}`;
    let node = nodes.get(name);
    if (node === undefined) {
      node = loadNode(this.#blocks, link, height);
      nodes.set(name, node);
    }
    return node;
  }
}
