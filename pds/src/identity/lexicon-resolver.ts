/**
 * Finds published lexicons: NSID → DNS name of its authority → DID → the record, proved by the repository's signature.
 * Answers are remembered for a while in bounded memory, absent ones more briefly; what cannot be reached counts as absent, and one
 * look-up of a name runs at a time. Not for lexicons this installation carries (`service/xrpc/lexicons`).
 * Source: atproto.com/specs/lexicon, section on publication and resolution (`_lexicon` TXT records).
 */
import { LRUCache } from 'lru-cache';
import { parseLexiconDoc, type LexiconDoc } from '@atproto/lexicon';
import { NSID } from '@atproto/syntax';
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { decode } from '@dunlin/protocol/data/cbor';
import { toJson } from '@dunlin/protocol/data/json';
import { withDeadline } from '@dunlin/protocol/identity/bounded-fetch';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { Line } from '@dunlin/service/lifecycle/line';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { verifyRecordCar } from '@dunlin/protocol/repo/verify-repo';

/** Collection in which lexicons are published. */
export const lexiconCollection = 'com.atproto.lexicon.schema';

/** How long a lexicon is remembered, and how long that there is none, in ms. */
export const lexiconAgesMs = { found: 3_600_000, absent: 60_000 } as const;

/** Longest look-up, in ms. */
export const lexiconTimeoutMs = 10_000;

/** Largest record with its proof, in bytes. */
export const maxLexiconCarBytes = 524_288;

/** Largest record, in bytes: three times the largest of the network's own. */
export const maxLexiconBytes = 131_072;

/** Most bytes of records that are remembered; as objects they take several times as much. */
export const maxRememberedBytes = 8_000_000;

/** Most look-ups under way at once. */
export const maxLookUps = 64;

/** Most of them for names of one domain: its server may never answer, and must keep nobody else out. More of its wait in line. */
export const maxOfOneDomain = 8;

/** Most look-ups under way or in line. */
const maxAskedFor = 512;

/** What a name counts for beside its record, in bytes: so are those that have none bounded too. Ours. */
const nameBytes = 2_000;

/** A lexicon as it is published. */
export interface PublishedLexicon {
  readonly uri: string;
  readonly cid: string;
  /** The record, with `$type`. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly document: LexiconDoc;
  /** Length of the record. */
  readonly byteLength: number;
}

/** Finds and remembers published lexicons. */
export class LexiconResolver {
  readonly #resolver: IdentityResolver;
  readonly #fetch: typeof globalThis.fetch;
  readonly #resolveTxt: (name: string) => Promise<string[][]>;
  readonly #clock: Clock;
  readonly #known = new LRUCache<string, { lexicon: PublishedLexicon | null; untilMs: number }>({ maxSize: maxRememberedBytes, sizeCalculation: ({ lexicon }) => nameBytes + (lexicon?.byteLength ?? 0) });
  readonly #running = new Map<string, Promise<PublishedLexicon | null>>();
  /** Places of each domain that is asked for. */
  readonly #lines = new Map<string, Line>();

  constructor(o: { resolver: IdentityResolver; fetch: typeof globalThis.fetch; resolveTxt: (name: string) => Promise<string[][]>; clock: Clock }) {
    this.#resolver = o.resolver;
    this.#fetch = o.fetch;
    this.#resolveTxt = o.resolveTxt;
    this.#clock = o.clock;
  }

  /** Gives the lexicon of a valid NSID, or null when none is published or it cannot be reached. @throws XrpcError 503 NotEnoughResources when too many are looked up */
  async resolve(nsid: string): Promise<PublishedLexicon | null> {
    const known = this.#known.get(nsid);
    if (known !== undefined && known.untilMs > this.#clock.elapsedMs()) return known.lexicon;
    const running = this.#running.get(nsid) ?? this.#begin(nsid);
    return running;
  }

  #begin(nsid: string): Promise<PublishedLexicon | null> {
    const [own, all] = [this.#lines.get(domainOf(nsid))?.taken ?? 0, this.#lines.values().reduce((sum, { taken }) => sum + taken, 0)];
    if (this.#running.size >= maxAskedFor || (own < maxOfOneDomain && all >= maxLookUps)) throw new XrpcError(503, 'NotEnoughResources', 'too many lexicons are looked up at once, try again later');
    const running = this.#find(nsid).finally(() => this.#running.delete(nsid));
    this.#running.set(nsid, running);
    return running;
  }

  async #find(nsid: string): Promise<PublishedLexicon | null> {
    const lexicon = await this.#lookUp(nsid);
    const ageMs = lexicon === null ? lexiconAgesMs.absent : lexiconAgesMs.found;
    this.#known.set(nsid, { lexicon, untilMs: this.#clock.elapsedMs() + ageMs });
    return lexicon;
  }

  async #lookUp(nsid: string): Promise<PublishedLexicon | null> {
    try {
      return await withDeadline({ clock: this.#clock, timeoutMs: lexiconTimeoutMs, what: `lexicon ${nsid}` }, (signal) => this.#inPlace(nsid, signal, () => this.#fetchRecord(nsid, signal)));
    } catch (fault) {
      // Whatever others send or fail to send leaves us without the lexicon; a mistake of our own must not hide here.
      if (fault instanceof ProtocolError || fault instanceof TypeError || (fault instanceof Error && 'code' in fault)) return null;
      throw fault;
    }
  }

  async #inPlace<T>(nsid: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const domain = domainOf(nsid);
    const line = this.#lines.get(domain) ?? new Line(maxOfOneDomain);
    this.#lines.set(domain, line);
    await line.enter(signal);
    try {
      return await work();
    } finally {
      line.leave();
      if (line.taken === 0) this.#lines.delete(domain);
    }
  }

  async #fetchRecord(nsid: string, signal: AbortSignal): Promise<PublishedLexicon | null> {
    const did = await this.#authority(nsid);
    signal.throwIfAborted();
    const document = did === null ? null : await this.#resolver.resolveDid(did, { signal });
    if (did === null || !document?.pdsUrl || !document.signingKey) return null;
    const query = new URLSearchParams({ did, collection: lexiconCollection, rkey: nsid });
    const response = await this.#fetch(`${document.pdsUrl}/xrpc/com.atproto.sync.getRecord?${query}`, { signal });
    const car = response.status === 200 ? await readBounded(response) : null;
    const record = car && verifyRecordCar(car, did, document.signingKey, `${lexiconCollection}/${nsid}`);
    return record ? read(nsid, did, record) : null;
  }

  async #authority(nsid: string): Promise<string | null> {
    const records = await this.#resolveTxt(`_lexicon.${NSID.parse(nsid).authority}`);
    const dids = records.map((chunks) => chunks.join('')).filter((text) => text.startsWith('did=')).map((text) => text.slice('did='.length));
    return dids.length === 1 ? (dids[0] ?? null) : null;
  }
}

/** Gives the domain whose names an NSID stands under: its last two parts, as all before them are its owner's. */
function domainOf(nsid: string): string {
  return NSID.parse(nsid).authority.split('.').slice(-2).join('.');
}

async function readBounded(response: Response): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxLexiconCarBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function read(nsid: string, did: string, record: { cid: { toString(): string }; bytes: Uint8Array }): PublishedLexicon | null {
  if (record.bytes.length > maxLexiconBytes) return null;
  const schema = toJson(decode(record.bytes)) as Readonly<Record<string, unknown>>;
  if (schema['$type'] !== lexiconCollection || schema['id'] !== nsid) return null;
  try {
    return { uri: `at://${did}/${lexiconCollection}/${nsid}`, cid: record.cid.toString(), schema, document: parseLexiconDoc(schema), byteLength: record.bytes.length };
  } catch {
    // The library's fault has no class of its own: the record is no lexicon.
    return null;
  }
}
