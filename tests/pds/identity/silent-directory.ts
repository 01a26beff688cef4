/**
 * A did:plc directory between which and a PDS things go wrong, and what is seen at both: for tests of changes that are cut off.
 * Not for tests that want a directory that works. Source: ours.
 */
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { fetchPlcAuditLog } from '@dunlin/protocol/identity/did-plc';
import { plcOperationCid, signPlcOperation, type SignedPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import Database from 'better-sqlite3';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds, type SmallPds } from '../small-pds.ts';

/** It works; takes the next operation and is down then, its answer unheard; is down; or refuses operations. */
export type DirectoryMood = 'well' | 'mute' | 'down' | 'refusing';

/** The server's rotation key. */
export const rotationHex = 'c'.repeat(64);

/** A PDS, its directory's mood, and its database from outside. */
export interface Troubled {
  readonly small: SmallPds;
  readonly environment: Record<string, string>;
  readonly database: Database.Database;
  mood: DirectoryMood;
  /** Operations the PDS tried to send. */
  readonly sent: string[];
  openIntents(): number;
  allSettled(): Promise<unknown>;
  operationsOf(did: string): Promise<UnsignedPlcUpdate[]>;
  /** Changes a DID behind the server's back, with its key or another. */
  changeDid(did: string, parts: Partial<UnsignedPlcUpdate>, key?: Keypair): Promise<void>;
  handleOf(did: string): unknown;
  setHandle(did: string, handle: string): ReturnType<SmallPds['call']>;
  close(): Promise<void>;
}

/** Starts one. */
export async function startTroubled(): Promise<Troubled> {
  const environment: Record<string, string> = { PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: rotationHex };
  const sent: string[] = [];
  const cutOff = (): never => { throw new TypeError('the line is cut'); };
  const troubled: typeof globalThis.fetch = async (input, init) => {
    if (!String(input).startsWith(`${small.plc.url}/`)) return await fetch(input, init);
    const isOperation = init?.method === 'POST';
    if (isOperation) sent.push(String(init.body));
    if (all.mood === 'down') cutOff();
    if (!isOperation || all.mood === 'well') return await fetch(input, init);
    if (all.mood === 'refusing') return Response.json({ message: 'not today' }, { status: 400 });
    all.mood = 'down';
    await fetch(input, init);
    return cutOff();
  };
  const small = await startSmallPds({ environment, fetch: troubled });
  const database = new Database(join(small.dataDirectory, 'pds.sqlite'));
  const count = database.prepare<[], number>('SELECT count(*) FROM identity_intent').pluck();
  const logOf = async (did: string): Promise<SignedPlcOperation[]> => ((await fetchPlcAuditLog({ plcUrl: small.plc.url, fetch, clock: systemClock }, did)) ?? []).map(({ operation }) => operation);
  const all: Troubled = {
    small, environment, database, sent, mood: 'well',
    openIntents: () => count.get()!,
    allSettled: () => eventually('all changes are settled', () => count.get() === 0, 60_000),
    operationsOf: async (did) => (await logOf(did)) as UnsignedPlcUpdate[],
    async changeDid(did, parts, key = Keypair.fromPrivateBytes('k256', Buffer.from(rotationHex, 'hex'))) {
      const last = (await logOf(did)).at(-1) as UnsignedPlcUpdate & { sig: string };
      const { sig: _sig, ...state } = last;
      const operation = signPlcOperation<UnsignedPlcUpdate>({ ...state, ...parts, prev: plcOperationCid(last).toString() }, key);
      const answer = await fetch(`${small.plc.url}/${did}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(operation) });
      if (answer.status !== 200) throw new Error(await answer.text());
    },
    handleOf: (did) => database.prepare('SELECT handle FROM account WHERE did = ?').pluck().get(did),
    setHandle: (did, handle) => small.call('com.atproto.admin.updateAccountHandle', { headers: small.admin, body: { did, handle } }),
    async close() {
      database.close();
      await small.close();
    },
  };
  return all;
}
