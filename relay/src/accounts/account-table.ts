/**
 * Every account the relay knows, in memory and compact: host, statuses, where its repository stands, its signing key.
 * Not for judging (ingest/) nor for disk (account-store.ts, which asks here what has changed).
 * Place in the flow: looked up for every event, changed for every accepted one; an account is a row number here.
 * A row is never removed or renumbered, so a row number is also the cursor of listRepos.
 * Source: ours, see account-row.ts for the layout.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { hashDid } from '../log/did-hash.ts';
import type { DidHash } from '../log/did-hash.ts';
import { field, flag, localStatuses, rowBytes, upstreamStatuses } from './account-row.ts';
import type { AccountKey, LocalStatus, RepoState, ToldRepo, UpstreamStatus } from './account-row.ts';
import { packPlc, plcIdBytes, unpackPlc } from './plc-id.ts';
import { RowIndex } from './row-index.ts';

const rowsPerChunk = 16_384;
const revLength = 13;

/** The table; every method that takes a row expects one that was given by `find` or `add`. */
export class AccountTable {
  readonly #chunks: Buffer[] = [];
  readonly #index = new RowIndex((row) => this.#chunk(row).readUInt32LE(this.#at(row) + field.hashLow));
  /** DIDs that are not did:plc. */
  readonly #otherRows = new Map<string, number>();
  readonly #otherDids = new Map<number, string>();
  readonly #perHost = new Map<number, number>();
  readonly #plc = new Uint8Array(plcIdBytes);
  #dirty: number[] = [];
  #size = 0;

  /** How many accounts there are; rows go from 0 to size − 1. */
  get size(): number {
    return this.#size;
  }

  /** Bytes held for rows and index. */
  get byteLength(): number {
    return this.#chunks.length * rowsPerChunk * rowBytes + this.#index.byteLength;
  }

  /** How many rows have changed since they were last taken by `takeDirty`. */
  get dirtyCount(): number {
    return this.#dirty.length;
  }

  /** How many accounts a host has, throttled ones included. */
  countOfHost(hostId: number): number {
    return this.#perHost.get(hostId) ?? 0;
  }

  /** Gives the row of a DID, or −1. */
  find(did: string, hash: DidHash = hashDid(did)): number {
    if (!packPlc(did, this.#plc, 0)) return this.#otherRows.get(did) ?? -1;
    return this.#index.find(hash.low, hash.high, (row) => this.#hasPlc(row));
  }

  /** Adds an account that is not there yet: active, nothing known of its repository. Gives its row. */
  add(did: string, hostId: number, hash: DidHash = hashDid(did)): number {
    assert(this.find(did, hash) === -1, 'account is added once');
    const row = this.#size++;
    if (row % rowsPerChunk === 0) this.#chunks.push(Buffer.alloc(rowsPerChunk * rowBytes));
    const [chunk, at] = [this.#chunk(row), this.#at(row)];
    chunk.writeUInt32LE(hash.low, at + field.hashLow);
    chunk.writeUInt32LE(hash.high, at + field.hashHigh);
    chunk.writeUInt32LE(hostId, at + field.hostId);
    chunk[at + field.flags] = flag.upstreamActive;
    if (packPlc(did, chunk, at + field.plc)) {
      this.#setFlag(row, flag.plc, true);
      this.#index.add(hash.low, hash.high, row);
    } else {
      this.#otherRows.set(did, row);
      this.#otherDids.set(row, did);
    }
    this.#count(hostId, 1);
    this.#touch(row);
    return row;
  }

  did(row: number): string {
    return this.#otherDids.get(row) ?? unpackPlc(this.#chunk(row), this.#at(row) + field.plc);
  }

  hostId(row: number): number {
    return this.#chunk(row).readUInt32LE(this.#at(row) + field.hostId);
  }

  /** Moves an account to another host; what the old host said about it no longer counts. */
  setHost(row: number, hostId: number): void {
    this.#count(this.hostId(row), -1);
    this.#count(hostId, 1);
    this.#chunk(row).writeUInt32LE(hostId, this.#at(row) + field.hostId);
    this.setUpstream(row, true, 'none');
  }

  /** True when neither its host nor we hold anything against it. */
  isActive(row: number): boolean {
    return this.isActiveUpstream(row) && this.local(row) === 'none';
  }

  isActiveUpstream(row: number): boolean {
    return this.#hasFlag(row, flag.upstreamActive);
  }

  upstream(row: number): UpstreamStatus {
    return upstreamStatuses[this.#chunk(row)[this.#at(row) + field.upstream] ?? 0] ?? 'other';
  }

  setUpstream(row: number, isActive: boolean, status: UpstreamStatus): void {
    this.#chunk(row)[this.#at(row) + field.upstream] = upstreamStatuses.indexOf(status);
    this.#setFlag(row, flag.upstreamActive, isActive);
    this.#touch(row);
  }

  local(row: number): LocalStatus {
    return localStatuses[this.#chunk(row)[this.#at(row) + field.local] ?? 0] ?? 'none';
  }

  setLocal(row: number, status: LocalStatus): void {
    this.#chunk(row)[this.#at(row) + field.local] = localStatuses.indexOf(status);
    this.#touch(row);
  }

  isDesynchronized(row: number): boolean {
    return this.#hasFlag(row, flag.desynchronized);
  }

  setDesynchronized(row: number, isDesynchronized: boolean): void {
    if (this.isDesynchronized(row) === isDesynchronized) return;
    this.#setFlag(row, flag.desynchronized, isDesynchronized);
    this.#touch(row);
  }

  /** Says whether its newest commit or #sync was heard through another relay. */
  isRelayed(row: number): boolean {
    return this.#hasFlag(row, flag.relayed);
  }

  setRelayed(row: number, isRelayed: boolean): void {
    this.#setFlag(row, flag.relayed, isRelayed);
  }

  /** Says whether a commit or #sync of it was passed on. */
  hasRepo(row: number): boolean {
    return this.#hasFlag(row, flag.hasHead);
  }

  /** Says whether it has a repository, by what was passed on or by its host's list. */
  isListed(row: number): boolean {
    return this.#hasFlag(row, flag.hasHead | flag.told);
  }

  /** Last rev passed on, or null. */
  rev(row: number): string | null {
    return this.#hasFlag(row, flag.hasHead) ? this.#rev(row) : null;
  }

  /** Where its repository stands by its host's list or proof, while nothing of it was passed on; else null. */
  told(row: number): ToldRepo | null {
    if (!this.#hasFlag(row, flag.told)) return null;
    return { rev: this.#rev(row), head: this.#copy(row, field.head, 32), data: this.#hasFlag(row, flag.toldProven) ? this.#copy(row, field.data, 32) : null };
  }

  /** Takes what its host lists or has proven; without effect once something of it was passed on. */
  setTold(row: number, { rev, head, data }: ToldRepo): void {
    if (this.hasRepo(row)) return;
    this.#write(row, { rev, head, data: data ?? new Uint8Array(32) });
    this.#setFlag(row, flag.told, true);
    this.#setFlag(row, flag.toldProven, data !== null);
  }

  /** Where its repository stands, or null; the digests are copies. */
  repo(row: number): RepoState | null {
    const rev = this.rev(row);
    if (rev === null) return null;
    return { rev, data: this.#copy(row, field.data, 32), head: this.#copy(row, field.head, 32) };
  }

  /** Says whether the tree's root has this digest, which stands in `bytes` at `at`. */
  isData(row: number, bytes: Uint8Array, at: number): boolean {
    const start = this.#at(row) + field.data;
    return this.#chunk(row).compare(bytes, at, at + 32, start, start + 32) === 0;
  }

  setRepo(row: number, repo: RepoState): void {
    this.#write(row, repo);
    this.#setFlag(row, flag.hasHead, true);
    this.#setFlag(row, flag.told | flag.toldProven, false);
  }

  /** The signing key last found, or null; `bytes` is a copy. */
  key(row: number): AccountKey | null {
    const curve = this.#chunk(row)[this.#at(row) + field.keyCurve];
    return curve === 0 ? null : { curve: curve === 1 ? 'k256' : 'p256', bytes: this.#copy(row, field.key, 33) };
  }

  /** Says whether a signing key is known. */
  hasKey(row: number): boolean {
    return this.#chunk(row)[this.#at(row) + field.keyCurve] !== 0;
  }

  /** Says whether this is the signing key last found. */
  isKey(row: number, key: AccountKey): boolean {
    const start = this.#at(row) + field.key;
    const curve = this.#chunk(row)[this.#at(row) + field.keyCurve];
    return curve === (key.curve === 'k256' ? 1 : 2) && this.#chunk(row).compare(key.bytes, 0, 33, start, start + 33) === 0;
  }

  /** When the key was looked up last, whole seconds since 1970; 0 is never. */
  keyCheckedSeconds(row: number): number {
    return this.#chunk(row).readUInt32LE(this.#at(row) + field.keyCheckedSeconds);
  }

  setKey(row: number, key: AccountKey | null, checkedSeconds: number): void {
    const [chunk, at] = [this.#chunk(row), this.#at(row)];
    chunk[at + field.keyCurve] = key === null ? 0 : key.curve === 'k256' ? 1 : 2;
    if (key) chunk.set(key.bytes, at + field.key);
    chunk.writeUInt32LE(checkedSeconds, at + field.keyCheckedSeconds);
    this.#touch(row);
  }

  /** Gives up to `most` rows that have changed, oldest change first, and counts them as unchanged from now on. */
  takeDirty(most: number): number[] {
    const taken = this.#dirty.slice(0, most);
    this.#dirty = this.#dirty.slice(most);
    for (const row of taken) this.#setFlag(row, flag.dirty, false);
    return taken;
  }

  #rev(row: number): string {
    const at = this.#at(row) + field.rev;
    return this.#chunk(row).toString('latin1', at, at + revLength);
  }

  #write(row: number, repo: RepoState): void {
    const [chunk, at] = [this.#chunk(row), this.#at(row)];
    assert(repo.rev.length === revLength && repo.data.length === 32 && repo.head.length === 32, 'rev is a TID, data and head are digests');
    chunk.write(repo.rev, at + field.rev, 'latin1');
    chunk.set(repo.data, at + field.data);
    chunk.set(repo.head, at + field.head);
    this.#touch(row);
  }

  #touch(row: number): void {
    if (this.#hasFlag(row, flag.dirty)) return;
    this.#setFlag(row, flag.dirty, true);
    this.#dirty.push(row);
  }

  #count(hostId: number, by: number): void {
    this.#perHost.set(hostId, this.countOfHost(hostId) + by);
  }

  #hasPlc(row: number): boolean {
    const at = this.#at(row) + field.plc;
    return this.#chunk(row).compare(this.#plc, 0, plcIdBytes, at, at + plcIdBytes) === 0;
  }

  #hasFlag(row: number, bit: number): boolean {
    return ((this.#chunk(row)[this.#at(row) + field.flags] ?? 0) & bit) !== 0;
  }

  #setFlag(row: number, bit: number, isSet: boolean): void {
    const [chunk, at] = [this.#chunk(row), this.#at(row) + field.flags];
    chunk[at] = isSet ? (chunk[at] ?? 0) | bit : (chunk[at] ?? 0) & ~bit;
  }

  #copy(row: number, from: number, length: number): Uint8Array {
    const at = this.#at(row) + from;
    return Uint8Array.prototype.slice.call(this.#chunk(row), at, at + length);
  }

  #chunk(row: number): Buffer {
    const chunk = this.#chunks[Math.floor(row / rowsPerChunk)];
    assert(chunk && row < this.#size, `no such account: row=${row}`);
    return chunk;
  }

  #at(row: number): number {
    return (row % rowsPerChunk) * rowBytes;
  }
}
