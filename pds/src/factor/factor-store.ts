/**
 * The rows of second factors. Recovery codes are kept as SHA-256.
 * Runs on the one connection; whoever changes something here does it inside a group commit.
 * Not here: whether a factor that is shown holds (`factor-check.ts`). Source: ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** The secret of an authenticator app. */
export interface Totp {
  readonly secret: Uint8Array;
  readonly isConfirmed: boolean;
}

/** How a browser reaches an authenticator, as WebAuthn names it. */
export type Transport = 'ble' | 'cable' | 'hybrid' | 'internal' | 'nfc' | 'smart-card' | 'usb';

/** A passkey. */
export interface Passkey {
  /** Chosen by the authenticator, up to 1,023 bytes. */
  readonly id: Uint8Array;
  readonly accountId: number;
  readonly name: string;
  /** COSE form. */
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: readonly Transport[];
  readonly createdAtMs: number;
  readonly usedAtMs: number | null;
}

interface PasskeyRow {
  id: Buffer;
  account: number;
  name: string;
  public_key: Buffer;
  counter: number;
  transports: string;
  created_at: number;
  used_at: number | null;
}

function toPasskey(row: PasskeyRow): Passkey {
  return {
    id: row.id, accountId: row.account, name: row.name, publicKey: row.public_key, counter: row.counter,
    transports: JSON.parse(row.transports) as Transport[], createdAtMs: row.created_at, usedAtMs: row.used_at,
  };
}

/** Factors in the database. Every method is synchronous. */
export class FactorStore {
  readonly #totp: Statement<[number], { secret: Buffer; is_confirmed: number }>;
  readonly #putTotp: Statement<[number, Uint8Array, number], unknown>;
  readonly #confirmTotp: Statement<[number], unknown>;
  readonly #useStep: Statement<[number, number, number], unknown>;
  readonly #removeTotp: Statement<[number], unknown>;
  readonly #passkeys: Statement<[number], PasskeyRow>;
  readonly #passkey: Statement<[Uint8Array], PasskeyRow>;
  readonly #addPasskey: Statement<[Uint8Array, number, string, Uint8Array, number, string, number], unknown>;
  readonly #usePasskey: Statement<[number, number, Uint8Array], unknown>;
  readonly #removePasskey: Statement<[number, Uint8Array], unknown>;
  readonly #removePasskeys: Statement<[number], unknown>;
  readonly #isAny: Statement<[number, number], number>;
  readonly #codesLeft: Statement<[number], number>;
  readonly #addCode: Statement<[number, Uint8Array], unknown>;
  readonly #useCode: Statement<[number, Uint8Array], unknown>;
  readonly #removeCodes: Statement<[number], unknown>;

  constructor(database: Database) {
    this.#totp = database.prepare('SELECT secret, is_confirmed FROM factor_totp WHERE account = ?');
    this.#putTotp = database.prepare(`INSERT INTO factor_totp (account, secret, created_at) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, last_step = 0, is_confirmed = 0`);
    this.#confirmTotp = database.prepare('UPDATE factor_totp SET is_confirmed = 1 WHERE account = ?');
    this.#useStep = database.prepare('UPDATE factor_totp SET last_step = ? WHERE account = ? AND last_step < ?');
    this.#removeTotp = database.prepare('DELETE FROM factor_totp WHERE account = ?');
    this.#passkeys = database.prepare('SELECT * FROM factor_passkey WHERE account = ? ORDER BY created_at');
    this.#passkey = database.prepare('SELECT * FROM factor_passkey WHERE id = ?');
    this.#addPasskey = database.prepare('INSERT INTO factor_passkey (id, account, name, public_key, counter, transports, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#usePasskey = database.prepare('UPDATE factor_passkey SET counter = ?, used_at = ? WHERE id = ?');
    this.#removePasskey = database.prepare('DELETE FROM factor_passkey WHERE account = ? AND id = ?');
    this.#removePasskeys = database.prepare('DELETE FROM factor_passkey WHERE account = ?');
    this.#isAny = database
      .prepare<[number, number], number>('SELECT EXISTS (SELECT 1 FROM factor_totp WHERE account = ? AND is_confirmed = 1) OR EXISTS (SELECT 1 FROM factor_passkey WHERE account = ?)')
      .pluck();
    this.#codesLeft = database.prepare<[number], number>('SELECT count(*) FROM factor_recovery_code WHERE account = ?').pluck();
    this.#addCode = database.prepare('INSERT INTO factor_recovery_code (account, hash) VALUES (?, ?)');
    this.#useCode = database.prepare('DELETE FROM factor_recovery_code WHERE account = ? AND hash = ?');
    this.#removeCodes = database.prepare('DELETE FROM factor_recovery_code WHERE account = ?');
  }

  /** Tells whether an account has a factor that is asked for. */
  isAny(accountId: number): boolean {
    return this.#isAny.get(accountId, accountId) === 1;
  }

  /** Gives the secret of the authenticator app, confirmed or not, or null. */
  totp(accountId: number): Totp | null {
    const row = this.#totp.get(accountId);
    return row === undefined ? null : { secret: row.secret, isConfirmed: row.is_confirmed === 1 };
  }

  /** Puts a secret that is yet to be confirmed. */
  putTotp(accountId: number, secret: Uint8Array, nowMs: number): void {
    this.#putTotp.run(accountId, secret, nowMs);
  }

  /** Notes that the app gave a right code, so that it is asked for from now on. */
  confirmTotp(accountId: number): void {
    this.#confirmTotp.run(accountId);
  }

  /** Uses up the code of a step, and all before it; false when that one, or a later one, was used already. */
  useStep(accountId: number, step: number): boolean {
    return this.#useStep.run(step, accountId, step).changes === 1;
  }

  /** Removes the authenticator app. */
  removeTotp(accountId: number): void {
    this.#removeTotp.run(accountId);
  }

  /** Lists the passkeys of an account, the oldest first. */
  passkeys(accountId: number): Passkey[] {
    return this.#passkeys.all(accountId).map(toPasskey);
  }

  /** Gives a passkey by its id, of whichever account, or null. */
  passkey(id: Uint8Array): Passkey | null {
    const row = this.#passkey.get(id);
    return row ? toPasskey(row) : null;
  }

  /** Adds a passkey; an id that is taken is the caller's to rule out before. */
  addPasskey({ id, accountId, name, publicKey, counter, transports, createdAtMs }: Omit<Passkey, 'usedAtMs'>): void {
    this.#addPasskey.run(id, accountId, name, publicKey, counter, JSON.stringify(transports), createdAtMs);
  }

  /** Notes a use of a passkey. */
  usePasskey(id: Uint8Array, counter: number, nowMs: number): void {
    this.#usePasskey.run(counter, nowMs, id);
  }

  /** Removes a passkey of an account; false when there is none of that id. */
  removePasskey(accountId: number, id: Uint8Array): boolean {
    return this.#removePasskey.run(accountId, id).changes === 1;
  }

  /** How many recovery codes are left. */
  recoveryCodesLeft(accountId: number): number {
    return this.#codesLeft.get(accountId) ?? 0;
  }

  /** Puts new recovery codes, as SHA-256, in the place of those before. */
  replaceRecoveryCodes(accountId: number, hashes: readonly Uint8Array[]): void {
    this.#removeCodes.run(accountId);
    for (const hash of hashes) this.#addCode.run(accountId, hash);
  }

  /** Uses up a recovery code; false when it is not one that is left. */
  useRecoveryCode(accountId: number, hash: Uint8Array): boolean {
    return this.#useCode.run(accountId, hash).changes === 1;
  }

  /** Removes every factor of an account, recovery codes too. */
  removeAll(accountId: number): void {
    this.#removeTotp.run(accountId);
    this.#removePasskeys.run(accountId);
    this.#removeCodes.run(accountId);
  }
}
