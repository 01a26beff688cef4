/**
 * Reads the data directory of a reference PDS that is stopped: who lives there, their hashes, invite codes, and how far it had counted.
 * Only reads; every database is opened for reading. Each account's own folder is `reference-actor.ts`'s; what a row becomes here is
 * `import-reference.ts`'s to say. Its times are ISO texts and are given as ms since 1970.
 * Source: layout of packages/pds of the reference (account.sqlite, sequencer.sqlite, actors/XX/DID, blobs/DID/CID).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { toHex, utf8Encode } from '@dunlin/protocol/base/bytes';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { ReferenceActor } from './reference-actor.ts';

/** An account as the reference keeps it. */
export interface ReferenceAccount {
  readonly did: string;
  readonly handle: string | null;
  readonly email: string | null;
  readonly passwordHash: string | null;
  readonly emailConfirmedAtMs: number | null;
  readonly areInvitesDisabled: boolean;
  readonly createdAtMs: number;
  readonly takedownRef: string | null;
  readonly deactivatedAtMs: number | null;
  /** ISO text, as it is kept here too. */
  readonly deleteAfter: string | null;
}

/** An app password as the reference keeps it. */
export interface ReferenceAppPassword {
  readonly name: string;
  readonly hash: string;
  readonly isPrivileged: boolean;
  readonly createdAtMs: number;
}

/** A session that can be renewed, by the token that was given last. */
export interface ReferenceRefreshToken {
  readonly jti: string;
  readonly expiresAtMs: number;
  readonly appPassword: string | null;
}

/** An invite code as the reference keeps it. */
export interface ReferenceInviteCode {
  readonly code: string;
  readonly available: number;
  readonly isDisabled: boolean;
  readonly forAccount: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly uses: readonly { readonly usedBy: string; readonly usedAtMs: number }[];
}

type Texts = Record<string, string | null>;
type AccountRow = Texts & { did: string; createdAt: string } & { invitesDisabled: number | null };
type CodeRow = { code: string; availableUses: number; disabled: number; forAccount: string; createdBy: string; createdAt: string };

/** The data directory of a reference PDS. Every method is synchronous. */
export class ReferenceData {
  readonly #folder: string;
  readonly #blobFolder: string;
  readonly #accounts: Database;

  /** `blobFolder` is where its blobs lie; by default the folder it uses by default. @throws Error when this is no such directory */
  constructor(folder: string, blobFolder: string | null = null) {
    const path = join(folder, 'account.sqlite');
    if (!existsSync(path)) throw new Error(`folder is not the data directory of a reference PDS: it has no account.sqlite: ${folder}`);
    this.#folder = folder;
    this.#blobFolder = blobFolder ?? ['blobs', 'blocks'].map((name) => join(folder, name)).find((each) => existsSync(each)) ?? join(folder, 'blobs');
    this.#accounts = openDatabase(path, { migrations: [], readonly: true });
  }

  /** Gives every account, the oldest first. */
  accounts(): ReferenceAccount[] {
    const rows = this.#accounts.prepare<[], AccountRow>(
      `SELECT actor.did, handle, createdAt, takedownRef, deactivatedAt, deleteAfter, email, passwordScrypt, emailConfirmedAt, invitesDisabled
       FROM actor LEFT JOIN account ON account.did = actor.did ORDER BY createdAt, actor.did`,
    );
    return rows.all().map((row) => ({
      did: row.did,
      handle: row['handle'] ?? null,
      email: row['email'] ?? null,
      passwordHash: row['passwordScrypt'] ?? null,
      emailConfirmedAtMs: msOf(row['emailConfirmedAt']),
      areInvitesDisabled: row.invitesDisabled === 1,
      createdAtMs: msOf(row.createdAt) ?? 0,
      takedownRef: row['takedownRef'] ?? null,
      deactivatedAtMs: msOf(row['deactivatedAt']),
      deleteAfter: row['deleteAfter'] ?? null,
    }));
  }

  /** Gives the app passwords of an account. */
  appPasswords(did: string): ReferenceAppPassword[] {
    const rows = this.#accounts.prepare<[string], { name: string; passwordScrypt: string; privileged: number; createdAt: string }>(
      'SELECT name, passwordScrypt, privileged, createdAt FROM app_password WHERE did = ?',
    );
    return rows.all(did).map(({ name, passwordScrypt, privileged, createdAt }) => ({
      name, hash: passwordScrypt, isPrivileged: privileged === 1, createdAtMs: msOf(createdAt) ?? 0,
    }));
  }

  /** Gives the refresh tokens of an account that were not used yet. */
  refreshTokens(did: string): ReferenceRefreshToken[] {
    const rows = this.#accounts.prepare<[string], { id: string; expiresAt: string; appPasswordName: string | null }>(
      'SELECT id, expiresAt, appPasswordName FROM refresh_token WHERE did = ? AND nextId IS NULL',
    );
    return rows.all(did).map(({ id, expiresAt, appPasswordName }) => ({ jti: id, expiresAtMs: msOf(expiresAt) ?? 0, appPassword: appPasswordName }));
  }

  /** Gives every invite code with its uses. */
  inviteCodes(): ReferenceInviteCode[] {
    const uses = this.#accounts.prepare<[string], { usedBy: string; usedAt: string }>('SELECT usedBy, usedAt FROM invite_code_use WHERE code = ?');
    return this.#accounts.prepare<[], CodeRow>('SELECT code, availableUses, disabled, forAccount, createdBy, createdAt FROM invite_code').all().map((row) => ({
      code: row.code,
      available: row.availableUses,
      isDisabled: row.disabled === 1,
      forAccount: row.forAccount,
      createdBy: row.createdBy,
      createdAtMs: msOf(row.createdAt) ?? 0,
      uses: uses.all(row.code).map(({ usedBy, usedAt }) => ({ usedBy, usedAtMs: msOf(usedAt) ?? 0 })),
    }));
  }

  /** Gives the highest seq it ever gave, 0 when it gave none. */
  lastSeq(): number {
    const path = join(this.#folder, 'sequencer.sqlite');
    if (!existsSync(path)) return 0;
    const database = openDatabase(path, { migrations: [], readonly: true });
    try {
      return database.prepare<[], number>("SELECT max(coalesce((SELECT max(seq) FROM repo_seq), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'repo_seq'), 0))").pluck().get() ?? 0;
    } finally {
      database.close();
    }
  }

  /** Opens an account's own folder. @throws Error when it is not there */
  openActor(did: string): ReferenceActor {
    const folder = join(this.#folder, 'actors', toHex(sha256(utf8Encode(did))).slice(0, 2), did);
    if (!existsSync(join(folder, 'store.sqlite'))) throw new Error(`account has no folder of its own: ${folder}`);
    return new ReferenceActor(folder, join(this.#blobFolder, did), join(this.#blobFolder, 'quarantine', did));
  }

  /** Closes what is open. */
  close(): void {
    this.#accounts.close();
  }
}

function msOf(text: string | null | undefined): number | null {
  const ms = text ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
