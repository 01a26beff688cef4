/**
 * Signing keys made before their account exists: an account that moves in may have to name its key before it comes.
 * A DID has at most one; asking again gives the same. Taken by `membership/register.ts`, forgotten when nobody came for a month.
 * Anybody may ask for one, so their number is bounded and the oldest give way.
 * Source: lexicon com.atproto.server.reserveSigningKey; behaviour of the reference PDS, which keeps them for ever.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** How long a key waits for its account, in ms. */
export const reservedKeyLifeMs = 30 * 24 * 3_600_000;

/** Most keys that wait at once. */
export const maxReservedKeys = 10_000;

/** Reserved keys in the database. Every method is synchronous. */
export class ReservedKeys {
  readonly #clock: Clock;
  readonly #find: Statement<[string, number], Buffer>;
  readonly #findByKey: Statement<[string, number], Buffer>;
  readonly #insert: Statement<[string, string | null, Uint8Array, number], unknown>;
  readonly #remove: Statement<[string], unknown>;
  readonly #removeOld: Statement<[number], unknown>;
  readonly #removeOver: Statement<[number], unknown>;

  constructor(database: Database, clock: Clock) {
    this.#clock = clock;
    this.#find = database.prepare<[string, number], Buffer>('SELECT private_key FROM reserved_key WHERE did = ? AND created_at > ?').pluck();
    this.#findByKey = database.prepare<[string, number], Buffer>('SELECT private_key FROM reserved_key WHERE did_key = ? AND created_at > ?').pluck();
    this.#insert = database.prepare('INSERT INTO reserved_key (did_key, did, private_key, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
    this.#remove = database.prepare('DELETE FROM reserved_key WHERE did_key = ?');
    this.#removeOld = database.prepare('DELETE FROM reserved_key WHERE created_at <= ?');
    this.#removeOver = database.prepare('DELETE FROM reserved_key WHERE did_key IN (SELECT did_key FROM reserved_key ORDER BY created_at DESC LIMIT -1 OFFSET ?)');
  }

  /** Gives the key that waits for a DID, or null. */
  find(did: string): Keypair | null {
    const bytes = this.#find.get(did, this.#clock.nowMs() - reservedKeyLifeMs);
    return bytes === undefined ? null : Keypair.fromPrivateBytes('k256', bytes);
  }

  /** Gives the waiting key whose public half this is, or null. */
  findByKey(didKey: string): Keypair | null {
    const bytes = this.#findByKey.get(didKey, this.#clock.nowMs() - reservedKeyLifeMs);
    return bytes === undefined ? null : Keypair.fromPrivateBytes('k256', bytes);
  }

  /** Gives the key that waits for a DID, makes one when there is none; without a DID it is always a new one. Within a group. */
  reserve(did: string | null): Keypair {
    const nowMs = this.#clock.nowMs();
    this.#removeOld.run(nowMs - reservedKeyLifeMs);
    const present = did === null ? null : this.find(did);
    if (present !== null) return present;
    const keypair = Keypair.generate('k256');
    this.#insert.run(keypair.did, did, keypair.privateBytes(), nowMs);
    this.#removeOver.run(maxReservedKeys);
    return keypair;
  }

  /** Forgets a key that has its account now. Within a group. */
  release(keypair: Keypair): void {
    this.#remove.run(keypair.did);
  }
}
