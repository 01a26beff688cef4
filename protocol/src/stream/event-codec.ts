/**
 * Between events and frames: `encodeEvent` for who makes events, `decodeEvent` for who wants values.
 * Checks the shape of every known field; not identifier syntax, sizes or proofs (see repo/verify-commit.ts).
 * Who passes frames on does not come here: it splices bytes (see frame-scan.ts).
 * Source: lexicon com.atproto.sync.subscribeRepos.
 */
import { ProtocolError } from '../base/errors.ts';
import type { CborMap, CborValue } from '../data/cbor.ts';
import { isCid, type Cid } from '../data/cid.ts';
import type { RepoOp } from '../repo/operation.ts';
import type { AccountEvent, CommitEvent, ErrorFrame, IdentityEvent, InfoEvent, StreamEvent, SyncEvent, UnknownFrame } from './event.ts';
import { decodeFrame, encodeFrame, isCborMap } from './frame.ts';

/** Gives the frame of an event. */
export function encodeEvent(event: StreamEvent): Uint8Array {
  switch (event.kind) {
    case 'commit':
      return encodeFrame('#commit', commitBody(event));
    case 'sync':
      return encodeFrame('#sync', { seq: event.seq, did: event.did, rev: event.rev, blocks: event.blocks, time: event.time });
    case 'identity':
      return encodeFrame('#identity', { seq: event.seq, did: event.did, handle: event.handle ?? undefined, time: event.time });
    case 'account':
      return encodeFrame('#account', { seq: event.seq, did: event.did, active: event.active, status: event.status ?? undefined, time: event.time });
    case 'info':
      return encodeFrame('#info', { name: event.name, message: event.message ?? undefined });
  }
}

function commitBody(event: CommitEvent): object {
  return {
    seq: event.seq,
    repo: event.did,
    rev: event.rev,
    since: event.since,
    commit: event.commit,
    prevData: event.prevData ?? undefined,
    blocks: event.blocks,
    ops: event.ops.map(({ action, path, cid, prev }) => ({ action, path, cid, prev: prev ?? undefined })),
    blobs: event.blobs,
    time: event.time,
    tooBig: event.tooBig,
    rebase: event.rebase,
  };
}

/**
 * Reads a frame as a value. Unknown fields are passed by; an unknown kind is `{kind: 'unknown'}`.
 * @throws ProtocolError FrameTooBig, InvalidFrame as decodeFrame does
 * @throws ProtocolError InvalidEvent when a field of a known kind is missing or of the wrong type
 */
export function decodeEvent(bytes: Uint8Array): StreamEvent | ErrorFrame | UnknownFrame {
  const frame = decodeFrame(bytes);
  if (frame.op === -1) return { kind: 'error', error: frame.error, message: frame.message };
  const fields = new Fields(frame.t, frame.body);
  switch (frame.t) {
    case '#commit':
      return readCommit(fields);
    case '#sync':
      return readSync(fields);
    case '#identity':
      return readIdentity(fields);
    case '#account':
      return readAccount(fields);
    case '#info':
      return readInfo(fields);
    default:
      return { kind: 'unknown', t: frame.t };
  }
}

function readCommit(fields: Fields): CommitEvent {
  return {
    kind: 'commit',
    seq: fields.seq(),
    did: fields.text('repo'),
    rev: fields.text('rev'),
    since: fields.isNull('since') ? null : fields.text('since'),
    commit: fields.cid('commit'),
    prevData: fields.isAbsent('prevData') ? null : fields.cid('prevData'),
    blocks: fields.bytes('blocks'),
    ops: fields.list('ops').map(readOp),
    blobs: fields.list('blobs').map((value) => new Fields('#commit', { blob: value }).cid('blob')),
    time: fields.text('time'),
    tooBig: fields.boolean('tooBig'),
    rebase: fields.boolean('rebase'),
  };
}

function readOp(value: CborValue): RepoOp {
  if (!isCborMap(value)) throw new ProtocolError('InvalidEvent', 'operation is not a map');
  const fields = new Fields('#repoOp', value);
  const path = fields.text('path');
  const action = fields.text('action');
  const prev = fields.isAbsent('prev') ? null : fields.cid('prev');
  if (action === 'delete') {
    if (!fields.isNull('cid')) throw new ProtocolError('InvalidEvent', 'delete operation has a cid');
    return { action, path, cid: null, prev };
  }
  const cid = fields.cid('cid');
  if (action === 'update') return { action, path, cid, prev };
  if (action !== 'create') throw new ProtocolError('InvalidEvent', 'operation has an unknown action');
  if (prev !== null) throw new ProtocolError('InvalidEvent', 'create operation has a prev');
  return { action, path, cid, prev };
}

function readSync(fields: Fields): SyncEvent {
  return { kind: 'sync', seq: fields.seq(), did: fields.text('did'), rev: fields.text('rev'), blocks: fields.bytes('blocks'), time: fields.text('time') };
}

function readIdentity(fields: Fields): IdentityEvent {
  return { kind: 'identity', seq: fields.seq(), did: fields.text('did'), handle: fields.optionalText('handle'), time: fields.text('time') };
}

function readAccount(fields: Fields): AccountEvent {
  return {
    kind: 'account',
    seq: fields.seq(),
    did: fields.text('did'),
    active: fields.boolean('active'),
    status: fields.optionalText('status'),
    time: fields.text('time'),
  };
}

function readInfo(fields: Fields): InfoEvent {
  return { kind: 'info', name: fields.text('name'), message: fields.optionalText('message') };
}

/** Typed reading of one map; every getter throws InvalidEvent with the kind and the field's name. */
class Fields {
  readonly #kind: string;
  readonly #map: CborMap;

  constructor(kind: string, map: CborMap) {
    this.#kind = kind;
    this.#map = map;
  }

  text(name: string): string {
    const value = this.#value(name);
    return typeof value === 'string' ? value : this.#fail(name);
  }

  optionalText(name: string): string | null {
    return this.isAbsent(name) ? null : this.text(name);
  }

  seq(): number {
    const value = this.#value('seq');
    return typeof value === 'number' && value >= 1 ? value : this.#fail('seq');
  }

  boolean(name: string): boolean {
    const value = this.#value(name);
    return typeof value === 'boolean' ? value : this.#fail(name);
  }

  bytes(name: string): Uint8Array {
    const value = this.#value(name);
    return value instanceof Uint8Array ? value : this.#fail(name);
  }

  cid(name: string): Cid {
    const value = this.#value(name);
    return isCid(value) ? value : this.#fail(name);
  }

  list(name: string): readonly CborValue[] {
    const value = this.#value(name);
    return Array.isArray(value) ? value : this.#fail(name);
  }

  isNull(name: string): boolean {
    return this.#value(name) === null;
  }

  isAbsent(name: string): boolean {
    return this.#value(name) === undefined;
  }

  #value(name: string): CborValue | undefined {
    return Object.hasOwn(this.#map, name) ? this.#map[name] : undefined;
  }

  #fail(name: string): never {
    throw new ProtocolError('InvalidEvent', `field is missing or of the wrong type: kind=${this.#kind} field=${name}`);
  }
}
