/**
 * The rows of moves: how far each has come, what stopped it, and the session at the old server, sealed.
 * Changes are made within a group commit (`sequencer/group-commit.ts`). Not here: what the steps do (`move-steps.ts`).
 * Source: ours.
 */
import { utf8Decode, utf8Encode } from '@dunlin/protocol/base/bytes';
import { seal, unseal } from '@dunlin/protocol/crypto/sealed';
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Steps in their order. `archive` stands for the first three where an archive is brought instead of an old server. */
export const moveSteps = ['archive', 'repo', 'blobs', 'preferences', 'identity', 'activation', 'farewell', 'done'] as const;

/** One step. */
export type MoveStep = (typeof moveSteps)[number];

/** The code of a stop that only an operator lifts: no other change of the row does. */
export const stoppedByOperator = 'StoppedByOperator';

/** What stopped a move: a name for programs, a sentence for people. */
export interface MoveStop {
  readonly code: string;
  readonly message: string;
}

/** A session at the old server. */
export interface OldSession {
  readonly accessJwt: string;
  readonly refreshJwt: string;
}

/** A move. */
export interface Move {
  readonly accountId: number;
  /** Address of the old server; null when an archive is brought. */
  readonly origin: string | null;
  /** The step that comes next. */
  readonly step: MoveStep;
  /** Null when none is held, or when it cannot be opened any more. */
  readonly session: OldSession | null;
  /** The person's own operation for the directory, signed with their recovery key, as JSON; null without an archive. */
  readonly operation: string | null;
  /** True when the person said to go on without files the old server does not give. */
  readonly goesWithoutMissing: boolean;
  readonly stop: MoveStop | null;
  readonly beganAtMs: number;
  /** When its row was last changed. */
  readonly changedAtMs: number;
}

interface MoveRow {
  account: number;
  origin: string | null;
  step: MoveStep;
  sealed_session: Buffer | null;
  operation: string | null;
  goes_without_missing: number;
  fault_code: string | null;
  fault_message: string | null;
  began_at: number;
  changed_at: number;
}

const columns = 'account, origin, step, sealed_session, operation, goes_without_missing, fault_code, fault_message, began_at, changed_at';

/** Moves in the database. Every method is synchronous. */
export class MoveStore {
  readonly #key: Uint8Array;
  readonly #find: Statement<[number], MoveRow>;
  readonly #page: Statement<[number, number, number], MoveRow>;
  readonly #lift: Statement<[number, number], unknown>;
  readonly #ableToGoOn: Statement<[], number>;
  readonly #begin: Statement<[number, string | null, MoveStep, string | null, number, number], unknown>;
  readonly #setStep: Statement<[MoveStep, number, number], unknown>;
  readonly #setStop: Statement<[string | null, string | null, number, number], unknown>;
  readonly #setSession: Statement<[Uint8Array | null, number, number], unknown>;
  readonly #setOperation: Statement<[string, number, number], unknown>;
  readonly #goWithoutMissing: Statement<[number, number], unknown>;
  readonly #forgetSessions: Statement<[number], unknown>;
  readonly #remove: Statement<[number], unknown>;
  /** Told of a move that is removed, such as with its account. */
  onRemoved: (accountId: number) => void = () => undefined;

  /** `key` seals sessions: 32 bytes. */
  constructor(database: Database, key: Uint8Array) {
    this.#key = key;
    this.#find = database.prepare(`SELECT ${columns} FROM move WHERE account = ?`);
    this.#ableToGoOn = database.prepare<[], number>("SELECT account FROM move WHERE (sealed_session IS NOT NULL OR origin IS NULL) AND step NOT IN ('archive', 'done') AND fault_code IS NULL ORDER BY began_at").pluck();
    this.#begin = database.prepare('INSERT OR REPLACE INTO move (account, origin, step, operation, began_at, changed_at) VALUES (?, ?, ?, ?, ?, ?)');
    this.#page = database.prepare(`SELECT ${columns} FROM move WHERE account > ? AND (step <> 'done' OR ? = 1) ORDER BY account LIMIT ?`);
    const kept = (column: string): string => `${column} = CASE WHEN fault_code = '${stoppedByOperator}' THEN ${column} END`;
    this.#setStep = database.prepare(`UPDATE move SET step = ?, ${kept('fault_message')}, ${kept('fault_code')}, changed_at = ? WHERE account = ?`);
    this.#setStop = database.prepare(`UPDATE move SET fault_code = ?, fault_message = ?, changed_at = ? WHERE account = ? AND fault_code IS NOT '${stoppedByOperator}'`);
    this.#lift = database.prepare(`UPDATE move SET fault_code = NULL, fault_message = NULL, changed_at = ? WHERE account = ? AND fault_code = '${stoppedByOperator}'`);
    this.#setSession = database.prepare('UPDATE move SET sealed_session = ?, changed_at = ? WHERE account = ?');
    this.#setOperation = database.prepare('UPDATE move SET operation = ?, changed_at = ? WHERE account = ?');
    this.#goWithoutMissing = database.prepare('UPDATE move SET goes_without_missing = 1, changed_at = ? WHERE account = ?');
    this.#forgetSessions = database.prepare('UPDATE move SET sealed_session = NULL WHERE sealed_session IS NOT NULL AND changed_at < ?');
    this.#remove = database.prepare('DELETE FROM move WHERE account = ?');
  }

  /** Gives the move of an account, or null. */
  find(accountId: number): Move | null {
    const row = this.#find.get(accountId);
    return row === undefined ? null : this.#read(row);
  }

  /** Gives what the person is told where an operator stopped the move, else null. */
  operatorStop(accountId: number): string | null {
    const stop = this.find(accountId)?.stop;
    return stop?.code === stoppedByOperator ? stop.message : null;
  }

  /** Gives moves after that of an account, by account; those that are done too where `withDone`. */
  page(o: { after: number; limit: number; withDone: boolean }): Move[] {
    return this.#page.all(o.after, o.withDone ? 1 : 0, o.limit).map((row) => this.#read(row));
  }

  #read(row: MoveRow): Move {
    const accountId = row.account;
    return {
      accountId,
      origin: row.origin,
      step: row.step,
      session: row.sealed_session && this.#open(accountId, row.sealed_session),
      operation: row.operation,
      goesWithoutMissing: row.goes_without_missing === 1,
      stop: row.fault_code === null ? null : { code: row.fault_code, message: row.fault_message ?? '' },
      beganAtMs: row.began_at,
      changedAtMs: row.changed_at,
    };
  }

  /** Gives the accounts whose moves can go on without their person, the oldest move first. */
  ableToGoOn(): number[] {
    return this.#ableToGoOn.all();
  }

  /** Adds a move, in the place of one that is done. */
  begin(accountId: number, o: { origin: string | null; operation: string | null; nowMs: number }): void {
    this.#begin.run(accountId, o.origin, o.origin === null ? 'archive' : 'repo', o.operation, o.nowMs, o.nowMs);
  }

  /** Says which step comes next; what stopped the one before is over, unless an operator did. */
  setStep(accountId: number, step: MoveStep, nowMs: number): void {
    this.#setStep.run(step, nowMs, accountId);
  }

  /** Says what stops the move, or that nothing does any more; what an operator stopped stays so. */
  setStop(accountId: number, stop: MoveStop | null, nowMs: number): void {
    this.#setStop.run(stop?.code ?? null, stop?.message ?? null, nowMs, accountId);
  }

  /** Takes an operator's stop back. */
  liftStop(accountId: number, nowMs: number): void {
    this.#lift.run(nowMs, accountId);
  }

  /** Keeps a session at the old server, sealed, or forgets it. */
  setSession(accountId: number, session: OldSession | null, nowMs: number): void {
    this.#setSession.run(session && seal(this.#key, utf8Encode(JSON.stringify(session)), purposeOf(accountId)), nowMs, accountId);
  }

  /** Puts another operation in the place of the one before. */
  setOperation(accountId: number, operation: string, nowMs: number): void {
    this.#setOperation.run(operation, nowMs, accountId);
  }

  /** Notes that the person goes on without files that cannot be had. */
  goWithoutMissing(accountId: number, nowMs: number): void {
    this.#goWithoutMissing.run(nowMs, accountId);
  }

  /** Forgets the sessions of moves in which nothing has happened since before a moment. */
  forgetSessions(beforeMs: number): void {
    this.#forgetSessions.run(beforeMs);
  }

  /** Removes the move of an account. */
  removeAll(accountId: number): void {
    this.#remove.run(accountId);
    this.onRemoved(accountId);
  }

  #open(accountId: number, sealed: Uint8Array): OldSession | null {
    const plain = unseal(this.#key, sealed, purposeOf(accountId));
    return plain && (JSON.parse(utf8Decode(plain)) as OldSession);
  }
}

function purposeOf(accountId: number): string {
  return `session at the old server of account ${accountId}`;
}
