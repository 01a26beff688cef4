/**
 * A small network for the tests of continuity: accounts whose events may be lost on the way, a server of their repositories
 * that fails, lags and is slow, and somebody who listens, crashes, and keeps only what it heard.
 * Not for: other guarantees.
 * Place: tests/firehose-consumer/continuity.test.ts and its neighbours.
 * Source: ours.
 */
import { memoryLedger } from '../../firehose-consumer/src/index.ts';
import type { ConsumerEvent, CursorStore, Ledger, RecordOperation } from '../../firehose-consumer/src/index.ts';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import type { FakeFirehose } from '../harness/fake-firehose.ts';
import { MadeAccount, MadeResolver, madeTime } from './made-stream.ts';

/** One thing that happens to an account. `isLost`: its event never reaches the stream. */
export interface Act {
  readonly account: number;
  readonly kind: 'write' | 'sync' | 'rest' | 'delete' | 'identity';
  /** Of a write: a record is toggled or changed. */
  readonly record: number;
  readonly isDeletion: boolean;
  readonly isLost: boolean;
}

/** How the server answers a question for a repository. */
export type RepoManner = 'right' | 'refuses' | 'cuts' | 'lags' | 'slow';

export const host = 'https://pds.test';
const collections = ['app.test.record', 'app.test.other', 'app.test.unwanted'];

/** Accounts, their stream and their repositories. */
export class Network {
  readonly accounts = Array.from({ length: 3 }, (_, index) => new MadeAccount(`account${index}`));
  readonly identity = new MadeResolver(...this.accounts);
  readonly #server: FakeFirehose;
  readonly #status = new Map<string, 'active' | 'resting' | 'deleted'>();
  readonly #former = new Map<string, Uint8Array>();
  readonly #manners: RepoManner[];
  readonly #turns: (count: number) => Promise<void>;
  readonly #unheard = new Set<string>();
  #written = 0;
  seq = 0;
  fetches = 0;

  constructor(server: FakeFirehose, manners: readonly RepoManner[], turns: (count: number) => Promise<void>) {
    this.#server = server;
    this.#manners = [...manners];
    this.#turns = turns;
    this.identity.pdsUrl = host;
  }

  act({ account: index, kind, record, isDeletion, isLost }: Act): void {
    const account = this.accounts[index] as MadeAccount;
    if (kind === 'rest' || kind === 'delete') return this.#become(account, kind === 'rest' ? 'resting' : 'deleted');
    if (kind === 'identity') return this.#tell(encodeEvent({ kind: 'identity', seq: ++this.seq, did: account.did, time: madeTime, handle: null }), null, isLost);
    this.#become(account, 'active');
    const car = account.car();
    if (kind === 'sync' && car) return this.#tell(account.sync(++this.seq), account, isLost);
    if (car) this.#former.set(account.did, car);
    const path = `${collections[record % collections.length]}/r${record}`;
    const isThere = account.records().has(path);
    const write = isThere && isDeletion ? { path, record: null } : { action: isThere ? ('update' as const) : ('create' as const), path, record: { $type: 'app.test', n: ++this.#written % 5 } };
    this.#tell(encodeEvent(account.commit(++this.seq, write)), account, isLost);
  }

  /** Has every account whose last word was lost, or that rests, write once more and be heard: a gap is noticed by what comes behind it. */
  settle(): void {
    for (const [account, { did }] of this.accounts.entries()) {
      const status = this.#status.get(did);
      if ((this.#unheard.has(did) && status !== 'deleted') || status === 'resting') this.act({ account, kind: 'write', record: 50, isDeletion: false, isLost: false });
    }
  }

  /** What somebody who missed nothing knows: URI to CID. */
  truth(): Map<string, string> {
    const here = this.accounts.filter(({ did }) => this.#status.get(did) !== 'deleted');
    return new Map(here.flatMap((account) => [...account.records()].filter(([path]) => !path.startsWith('app.test.unwanted/')).map(([path, cid]) => [`at://${account.did}/${path}`, cid] as [string, string])));
  }

  fetch = async (input: string | URL | Request): Promise<Response> => {
    const did = new URL(String(input)).searchParams.get('did') as string;
    const manner = this.#manners[this.fetches++] ?? 'right';
    if (manner === 'refuses') return new Response('{}', { status: 503 });
    const status = this.#status.get(did);
    if (status === 'deleted' || status === 'resting') return Response.json({ error: status === 'deleted' ? 'RepoNotFound' : 'RepoDeactivated' }, { status: 400 });
    const car = (manner === 'lags' ? this.#former.get(did) : null) ?? this.accounts.find((account) => account.did === did)?.car();
    if (!car) return Response.json({ error: 'RepoNotFound' }, { status: 400 });
    if (manner === 'slow') await this.#turns(12);
    return new Response(manner === 'cuts' ? car.slice(0, car.length - 10) : new Uint8Array(car));
  };

  #become(account: MadeAccount, status: 'active' | 'resting' | 'deleted'): void {
    const before = this.#status.get(account.did) ?? 'active';
    if (before === status || (before === 'deleted' && status === 'resting')) return;
    this.#status.set(account.did, status);
    const word = { active: null, deleted: 'deleted', resting: 'deactivated' }[status];
    this.#tell(encodeEvent({ kind: 'account', seq: ++this.seq, did: account.did, time: madeTime, active: status === 'active', status: word }), null, false);
  }

  #tell(bytes: Uint8Array, about: MadeAccount | null, isLost: boolean): void {
    if (about && isLost) this.#unheard.add(about.did);
    else if (about) this.#unheard.delete(about.did);
    if (!isLost) this.#server.append({ seq: this.seq, bytes });
  }
}

/** What outlives a crash: what was heard, the ledger, the cursor. While it is down nothing is kept. */
export class Listener {
  isUp = true;
  cursor: number | null = null;
  handled = 0;
  readonly known = new Map<string, string>();
  readonly #revs = new Map<string, string>();
  readonly faults: string[] = [];
  readonly #kept: Ledger;

  constructor(kept: Ledger = memoryLedger()) {
    this.#kept = kept;
  }

  begin(): void {
    this.isUp = true;
    this.handled = 0;
    this.#revs.clear();
  }

  hear(event: ConsumerEvent): void {
    if (!this.isUp) return;
    this.handled += 1;
    if (event.kind === 'account' && event.status === 'deleted') for (const uri of this.known.keys()) if (uri.startsWith(`at://${event.did}/`)) this.known.delete(uri);
    if (event.kind !== 'record' && event.kind !== 'commit') return;
    if (event.rev < (this.#revs.get(event.did) ?? '')) this.faults.push(`rev went back: ${event.did} ${event.rev}`);
    this.#revs.set(event.did, event.rev);
    for (const operation of event.kind === 'commit' ? event.ops : [event]) this.#learn(operation);
  }

  #learn({ uri, cid }: RecordOperation): void {
    if (cid) this.known.set(uri, cid.toString());
    else this.known.delete(uri);
  }

  ledger(): Ledger {
    return {
      ...this.#kept,
      account: (did) => this.#kept.account(did),
      records: (did, after, limit) => this.#kept.records(did, after, limit),
      stale: (after, limit) => this.#kept.stale(after, limit),
      mark: (name) => this.#kept.mark(name),
      staleAll: () => this.#kept.staleAll(),
      write: (changes) => (this.isUp ? this.#kept.write(changes) : undefined),
    };
  }

  store(): CursorStore {
    return {
      load: () => Promise.resolve(this.cursor),
      save: async (cursor) => {
        if (this.isUp) this.cursor = cursor;
      },
    };
  }
}
