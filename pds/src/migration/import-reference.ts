/**
 * Takes over every account of a reference PDS whose data directory lies here and whose server is stopped: hashes, keys, repositories,
 * blobs, preferences, codes. Each account comes in out of service and is put into its former state last, in one transaction, so that
 * a run that was cut off can be repeated: it goes on with the account it was at (`import-progress.ts`).
 * Afterwards every repository is read back and verified with its key. No events: the server tells where repositories stand at its
 * next start, above every seq the former server gave. Not for single accounts that move by themselves (`import-repo.ts`).
 * Source: ours.
 */
import { createReadStream } from 'node:fs';
import type { Clock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { sameCid, type Cid } from '@dunlin/protocol/data/cid';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { AppPasswordStore } from '../account/app-password-store.ts';
import type { Preference, PreferenceStore } from '../account/preference-store.ts';
import type { RefreshTokenStore } from '../account/refresh-token-store.ts';
import type { BlobFiles } from '../blob/blob-files.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import { filesAtOnce, sideBySide } from '../blob/side-by-side.ts';
import type { InviteStore } from '../invite/invite-store.ts';
import type { RepoExporter } from '../repo/export.ts';
import { parseRecordUri } from '../repo/record-path.ts';
import type { RecordStore } from '../repo/record-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { ImportProgress } from './import-progress.ts';
import type { RepoImporter } from './import-repo.ts';
import type { ReferenceActor } from './reference-actor.ts';
import type { ReferenceAccount, ReferenceData } from './reference-data.ts';

/** What became of one account. */
export interface ImportedAccount {
  readonly did: string;
  readonly handle: string | null;
  readonly records: number;
  readonly blobs: number;
  /** Blobs whose files were not there, or did not hold what their names say. */
  readonly missingBlobs: number;
  /** Null when it went well, else why the account could not be taken over; repeating the import tries again. */
  readonly fault: string | null;
}

interface ImportParts {
  readonly accounts: AccountStore;
  readonly appPasswordStore: AppPasswordStore;
  readonly refreshTokens: RefreshTokenStore;
  readonly preferences: PreferenceStore;
  readonly records: RecordStore;
  readonly blobs: BlobStore;
  readonly files: BlobFiles;
  readonly invites: InviteStore;
  readonly exporter: RepoExporter;
  readonly groups: GroupCommit;
  readonly importer: RepoImporter;
  readonly progress: ImportProgress;
  /** Takes over a blob that the former server left in the bucket that is ours now, and gives its size; null where there is no bucket. */
  readonly adopt: ((did: string, cid: Cid) => Promise<number | null>) | null;
  readonly clock: Clock;
}

/** Takes accounts over. */
export class ReferenceImporter {
  readonly #o: ImportParts;

  constructor(o: ImportParts) {
    this.#o = o;
  }

  /** Takes every account over that was not yet, and tells of each; one that cannot be does not keep the others back. */
  async *accounts(data: ReferenceData): AsyncGenerator<ImportedAccount, void, undefined> {
    for (const theirs of data.accounts()) {
      if (this.#o.progress.isDone(theirs.did)) continue;
      try {
        const imported = await this.#account(data, theirs);
        if (imported !== null) yield imported;
      } catch (fault) {
        if (!(fault instanceof Error)) throw fault;
        yield { did: theirs.did, handle: theirs.handle, records: 0, blobs: 0, missingBlobs: 0, fault: fault.message };
      }
    }
  }

  /** Takes every invite code over that is not known here, and gives how many. */
  inviteCodes(data: ReferenceData): Promise<number> {
    const { invites, groups } = this.#o;
    return groups.write(() => {
      const fresh = data.inviteCodes().filter(({ code }) => invites.find(code) === null);
      for (const code of fresh) {
        invites.add(code);
        for (const { usedBy, usedAtMs } of code.uses) invites.use(code.code, usedBy, usedAtMs);
      }
      return fresh.length;
    });
  }

  async #account(data: ReferenceData, theirs: ReferenceAccount): Promise<ImportedAccount | null> {
    const actor = data.openActor(theirs.did);
    try {
      const keypair = Keypair.fromPrivateBytes('k256', actor.signingKey());
      const account = await this.#begin(theirs, keypair);
      if (this.#isWhole(account)) {
        this.#o.progress.finish(theirs.did);
        return null;
      }
      const car = actor.car();
      if (car === null) throw new Error('account has no repository');
      await this.#o.importer.import(account, car);
      const { held, missing } = await this.#blobs(account, actor);
      const records = await this.#verify(account, keypair);
      if (records !== actor.recordCount()) throw new Error(`repository has other records than the former server lists: here=${records} there=${actor.recordCount()}`);
      await this.#finish(account, { data, actor, theirs });
      this.#o.progress.finish(theirs.did);
      return { did: theirs.did, handle: theirs.handle, records, blobs: held, missingBlobs: missing, fault: null };
    } finally {
      actor.close();
    }
  }

  /** Nobody can sign in before the last transaction of an import, so an account with a password is one whose end was not noted any more. */
  #isWhole({ id }: Account): boolean {
    return this.#o.accounts.passwordHash(id) !== null;
  }

  /** Makes the account, out of service and without a password; gives it as it is when an earlier run made it. */
  async #begin({ did, handle, email, createdAtMs }: ReferenceAccount, keypair: Keypair): Promise<Account> {
    const { accounts, progress, groups, clock } = this.#o;
    if (handle === null) throw new Error('account has no handle');
    const present = accounts.byDid(did);
    if (present !== null && !progress.isBegun(did)) throw new Error('account lives here already');
    if (present === null) {
      if (accounts.byHandle(handle) !== null) throw new Error(`handle is taken here: ${handle}`);
      if (email !== null && accounts.byEmail(email) !== null) throw new Error('e-mail address is taken here');
      progress.begin(did);
      await groups.write(() => accounts.insert({ did, handle, email, passwordHash: null, signingKey: keypair.privateBytes(), createdAtMs, deactivatedAtMs: clock.nowMs() }));
    }
    const account = accounts.byDid(did);
    if (account === null) throw new Error('account was not kept');
    return account;
  }

  /** Copies the blobs, hashing each on its way; those that are here from an earlier run, or lie in the bucket already, stay as they are. */
  async #blobs({ id, did }: Account, actor: ReferenceActor): Promise<{ held: number; missing: number }> {
    const { blobs, files, groups, adopt, clock } = this.#o;
    let [held, missing] = [0, 0];
    await sideBySide(actor.blobs(), filesAtOnce, async ({ cid, path, mimeType, takedownRef }) => {
      const known = blobs.find(id, cid);
      let size = known !== null && (await files.sizeOf(did, cid)) === known.size ? known.size : null;
      if (size === null && path === null) size = (await adopt?.(did, cid)) ?? null;
      if (size === null && path !== null) {
        const received = await files.receive(did, createReadStream(path));
        if (sameCid(received.cid, cid)) await received.keep();
        await received.discard();
        size = sameCid(received.cid, cid) ? received.size : null;
      }
      if (size === null) {
        missing++;
        return;
      }
      const kept = { mimeType, size, nowMs: clock.nowMs() };
      await groups.write(() => {
        blobs.put({ id, did }, cid, kept);
        if (takedownRef !== null) blobs.setTakedown(id, cid, takedownRef);
      });
      held++;
    });
    return { held, missing };
  }

  /** Reads the repository back and verifies it whole; gives how many records it has. */
  async #verify({ id, did }: Account, keypair: Keypair): Promise<number> {
    const car = await this.#o.exporter.export(id, null);
    if (car === null) throw new Error('repository was not kept');
    const pieces: Buffer[] = [];
    for await (const piece of car as AsyncIterable<Buffer>) pieces.push(piece);
    return verifyRepoCar(Buffer.concat(pieces), did, keypair.publicKey).recordCount;
  }

  /** Puts the account into the state it had, with everything that is not its repository. */
  async #finish({ id, did }: Account, { data, actor, theirs }: { data: ReferenceData; actor: ReferenceActor; theirs: ReferenceAccount }): Promise<void> {
    const { accounts, appPasswordStore, preferences, refreshTokens, records, groups, clock } = this.#o;
    const kept = actor.preferences().map((json) => JSON.parse(json) as Preference);
    await groups.write(() => {
      for (const { name } of appPasswordStore.list(id)) appPasswordStore.remove(id, name);
      for (const password of data.appPasswords(did)) appPasswordStore.add(id, password);
      for (const token of data.refreshTokens(did)) {
        refreshTokens.add({ ...token, accountId: id, session: token.jti, beganAtMs: clock.nowMs(), madeAtMs: clock.nowMs(), agent: null });
      }
      for (const { uri, takedownRef } of actor.takenDownRecords()) records.setTakedown(id, parseRecordUri(uri), takedownRef);
      if (kept.length > 0) preferences.replace(id, kept);
      if (theirs.emailConfirmedAtMs !== null) accounts.setEmailConfirmed(id, theirs.emailConfirmedAtMs);
      accounts.setPasswordHash(id, theirs.passwordHash);
      accounts.setInvitesDisabled(id, theirs.areInvitesDisabled);
      accounts.setTakedown(id, theirs.takedownRef);
      accounts.setDeactivated(id, theirs.deactivatedAtMs, theirs.deleteAfter);
    });
  }
}
