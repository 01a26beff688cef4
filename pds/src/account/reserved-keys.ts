/**
 * Signing keys made before their account exists: an account that moves in may have to name its key before it comes.
 * A DID has at most one; asking again gives the same. Taken by `membership/register.ts`, forgotten when nobody came for a month.
 * Anybody may ask for one, so their number is bounded: of too many the newest of whoever asked for most give way, so that a flood displaces
 * itself. Source: lexicon com.atproto.server.reserveSigningKey; behaviour of the reference PDS, which keeps them for ever; bounds ours,
 * docs/decisions/0034-whose-keys-give-way.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { networkKey } from '@dunlin/service/http/client-address';
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
  readonly #insert: Statement<[string, string | null, Uint8Array, number, string], unknown>;
  readonly #countOf: Statement<[string], number>;
  readonly #give: Statement<[{ did: string; asker: string; own: number }], unknown>;
  readonly #remove: Statement<[string], unknown>;
  readonly #removeOld: Statement<[number], unknown>;
  readonly #count: Statement<[], number>;
  readonly #removeOne: Statement<[{ spared: string }], unknown>;

  constructor(database: Database, clock: Clock) {
    this.#clock = clock;
    this.#find = database.prepare<[string, number], Buffer>('SELECT private_key FROM reserved_key WHERE did = ? AND created_at > ?').pluck();
    this.#findByKey = database.prepare<[string, number], Buffer>('SELECT private_key FROM reserved_key WHERE did_key = ? AND created_at > ?').pluck();
    this.#insert = database.prepare('INSERT INTO reserved_key (did_key, did, private_key, created_at, asker) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING');
    this.#countOf = database.prepare<[string], number>('SELECT count(*) FROM reserved_key WHERE asker = ?').pluck();
    this.#give = database.prepare('UPDATE reserved_key SET asker = :asker WHERE did = :did AND :own + 1 < (SELECT count(*) FROM reserved_key AS other WHERE other.asker = reserved_key.asker)');
    this.#remove = database.prepare('DELETE FROM reserved_key WHERE did_key = ?');
    this.#removeOld = database.prepare('DELETE FROM reserved_key WHERE created_at <= ?');
    this.#count = database.prepare<[], number>('SELECT count(*) FROM reserved_key').pluck();
    this.#removeOne = database.prepare(`DELETE FROM reserved_key WHERE did_key = (SELECT did_key FROM reserved_key WHERE did_key <> :spared AND asker = (
      SELECT asker FROM reserved_key WHERE did_key <> :spared GROUP BY asker ORDER BY count(*) DESC, min(created_at) LIMIT 1
    ) ORDER BY created_at DESC, rowid DESC LIMIT 1)`);
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

  /** Gives the key that waits for a DID, makes one when there is none; without a DID it is always a new one. `ip` is the address of who asks. Within a group. */
  reserve(did: string | null, ip: string): Keypair {
    const nowMs = this.#clock.nowMs();
    const asker = networkKey(ip);
    this.#removeOld.run(nowMs - reservedKeyLifeMs);
    const present = did === null ? null : this.find(did);
    if (did !== null && present !== null) {
      // Of several who ask it is the one's with the fewest: another's flood, begun with it, must not take it along.
      this.#give.run({ did, asker, own: this.#countOf.get(asker) ?? 0 });
      return present;
    }
    const keypair = Keypair.generate('k256');
    this.#insert.run(keypair.did, did, keypair.privateBytes(), nowMs, asker);
    if ((this.#count.get() ?? 0) > maxReservedKeys) this.#removeOne.run({ spared: keypair.did });
    return keypair;
  }

  /** Forgets a key that has its account now. Within a group. */
  release(keypair: Keypair): void {
    this.#remove.run(keypair.did);
  }
}
