/** Sessions of a password that was right a moment ago: whatever ended all of them meanwhile ends this one before it begins. */
import { ManualClock } from '@dunlin/protocol/base/clock';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { AccountStore } from '../../../pds/src/account/account-store.ts';
import { AppPasswordStore } from '../../../pds/src/account/app-password-store.ts';
import { AppPasswords } from '../../../pds/src/account/app-passwords.ts';
import { PasswordCheck } from '../../../pds/src/account/password-check.ts';
import { RefreshTokenStore } from '../../../pds/src/account/refresh-token-store.ts';
import { SessionTokens } from '../../../pds/src/account/session-token.ts';
import { Sessions } from '../../../pds/src/account/sessions.ts';
import { GroupCommit } from '../../../pds/src/sequencer/group-commit.ts';
import { Sequencer } from '../../../pds/src/sequencer/sequencer.ts';
import { pdsMigrations } from '../../../pds/src/wiring/stores.ts';

const clock = new ManualClock();
const tokens = new SessionTokens({ secret: 'a secret', audiences: () => ['did:web:pds.example.org'], clock });
let database: Database;
let accounts: AccountStore;
let appPasswords: AppPasswordStore;
let groups: GroupCommit;
let sessions: Sessions;
let id: number;
beforeEach(() => {
  database = openDatabase(':memory:', { migrations: pdsMigrations });
  accounts = new AccountStore(database);
  appPasswords = new AppPasswordStore(database);
  groups = new GroupCommit({ database, sequencer: new Sequencer(database, clock), clock });
  sessions = new Sessions({
    accounts, refreshTokens: new RefreshTokenStore(database), appPasswordStore: appPasswords, appPasswords: new AppPasswords({ accounts, appPasswords, refreshTokens: new RefreshTokenStore(database), passwords: new PasswordCheck(clock), groups, clock }),
    tokens, passwords: new PasswordCheck(clock), groups, clock,
  });
  id = accounts.insert({ did: 'did:web:ada.test', handle: 'ada.test', email: null, passwordHash: null, signingKey: new Uint8Array(32), createdAtMs: 0, deactivatedAtMs: null });
});
afterEach(() => void database.close());

const eraOf = (token: string): unknown => (tokens.verifyAccess(token) as { era: number }).era;

test('a session begins in the era its password was looked at in, says so, and in no later one', async () => {
  const before = accounts.byId(id)!;
  expect(eraOf((await sessions.begin({ account: before, appPassword: null }))!.accessJwt)).toBe(0);
  await groups.write(() => accounts.endEra(id));
  expect(await sessions.begin({ account: before, appPassword: null })).toBeNull();
  expect(sessions.list(id)).toHaveLength(1);
  const now = accounts.byId(id)!;
  expect(eraOf((await sessions.begin({ account: now, appPassword: null }))!.accessJwt)).toBe(1);
  expect(eraOf(sessions.beginTakendown(now).accessJwt)).toBe(1);
  expect(eraOf(sessions.beginTakendown(before).accessJwt)).toBe(0);
});

test('an app password that was asked for before all sessions ended is not made', async () => {
  const made = new AppPasswords({ accounts, appPasswords, refreshTokens: new RefreshTokenStore(database), passwords: new PasswordCheck(clock), groups, clock });
  const before = accounts.byId(id)!;
  const making = made.create(before, { name: 'back door', isPrivileged: true });
  await groups.write(() => accounts.endEra(id));
  await expect(making).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' });
  expect(made.list(id)).toEqual([]);
  await made.create(accounts.byId(id)!, { name: 'bot', isPrivileged: false });
  expect(made.list(id)).toHaveLength(1);
});

test('no session begins with an app password that was taken back since it was looked at', async () => {
  const appPassword = { name: 'bot', isPrivileged: false, createdAtMs: 0 };
  appPasswords.add(id, { ...appPassword, hash: 'hash' });
  const account = accounts.byId(id)!;
  expect(await sessions.begin({ account, appPassword })).not.toBeNull();
  await groups.write(() => appPasswords.remove(id, 'bot'));
  expect(await sessions.begin({ account, appPassword })).toBeNull();
});

test('however a name is written, it is counted as one', () => {
  for (const name of ['ada.test', ' ADA.test', '@ada.test', 'did:web:ada.test\n']) expect(sessions.nameOf(name)).toBe('did:web:ada.test');
  expect(sessions.nameOf(' Nobody.test ')).toBe('nobody.test');
});
