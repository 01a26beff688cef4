/** The OAuth tables by themselves: what is kept and how, every bound on both sides, and what upkeep removes. */
import { ManualClock } from '@dunlin/protocol/base/clock';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import type { CreateTokenData, DeviceId, RefreshToken, RequestData, RequestId, TokenId } from '@atproto/oauth-provider/store';
import { AccountStore } from '../../../pds/src/account/account-store.ts';
import { accountSchema, accountSchema2, accountSchema3 } from '../../../pds/src/account/schema.ts';
import { ServerIdentity } from '../../../pds/src/identity/server-identity.ts';
import { AccountCards } from '../../../pds/src/oauth/account-card.ts';
import { maxConsentsPerAccount, OAuthConsents } from '../../../pds/src/oauth/consent-store.ts';
import { maxAccountsPerDevice, OAuthDevices } from '../../../pds/src/oauth/device-store.ts';
import { OAuthLexicons, unknownLifeMs } from '../../../pds/src/oauth/lexicon-store.ts';
import { maxOpenRequests, maxParametersLength, OAuthRequests } from '../../../pds/src/oauth/request-store.ts';
import { SignInEras } from '../../../pds/src/oauth/sign-in-eras.ts';
import { oauthSchema } from '../../../pds/src/oauth/schema.ts';
import { maxTokensPerAccount, OAuthTokens } from '../../../pds/src/oauth/token-store.ts';
import { deviceLifeMs, OAuthUpkeep, requestGraceMs, strangerLifeMs, tokenLifeMs } from '../../../pds/src/oauth/upkeep.ts';
import { RecordStore } from '../../../pds/src/repo/record-store.ts';
import { repoSchema } from '../../../pds/src/repo/schema.ts';
import { GroupCommit } from '../../../pds/src/sequencer/group-commit.ts';
import { eventRunSchema, sequencerSchema } from '../../../pds/src/sequencer/schema.ts';
import { Sequencer } from '../../../pds/src/sequencer/sequencer.ts';

let database: Database;
let clock: ManualClock;
let groups: GroupCommit;
let accounts: AccountStore;
let devices: OAuthDevices;
let tokens: OAuthTokens;
let requests: OAuthRequests;
let eras: SignInEras;
const did = (name: string) => `did:plc:${name.padEnd(24, 'a')}` as const;

beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [accountSchema + repoSchema + sequencerSchema, accountSchema2, oauthSchema, accountSchema3, eventRunSchema] });
  clock = new ManualClock();
  groups = new GroupCommit({ database, sequencer: new Sequencer(database, clock), clock });
  accounts = new AccountStore(database);
  const server = new ServerIdentity({ hostname: 'pds.people.org', isLocal: false, serviceDid: null });
  devices = new OAuthDevices(database, { accounts, groups, clock, onMany: () => undefined });
  tokens = new OAuthTokens(database, { accounts, cards: new AccountCards(new RecordStore(database), server), groups, clock });
  eras = new SignInEras();
  requests = new OAuthRequests(database, { accounts, groups, eras, clock, onTaken: (code, accountId) => tokens.noteTaken(code, accountId) });
});
afterEach(() => void database.close());

function addAccount(name: string): number {
  return accounts.insert({ did: did(name), handle: `${name}.test`, email: null, passwordHash: null, signingKey: new Uint8Array(32), createdAtMs: 0, deactivatedAtMs: null });
}
const count = (table: string): number => (database.prepare(`SELECT count(*) AS count FROM ${table}`).get() as { count: number }).count;
const device = (name: string): DeviceId => `dev-${name}` as DeviceId;
const addDevice = (name: string): Promise<void> => devices.createDevice(device(name), { sessionId: 'ses-1', userAgent: 'a browser', ipAddress: '198.51.100.7', lastSeenAt: new Date(clock.nowMs()) });
const addToken = (name: string, number: number, code: CreateTokenData['code'] = null): Promise<void> => tokens.createToken(`tok-${number}` as TokenId, {
  createdAt: new Date(number), updatedAt: new Date(number), expiresAt: new Date(number + 1), clientId: 'https://app.org/client.json', clientAuth: { method: 'none' },
  deviceId: null, did: did(name), parameters: { client_id: 'https://app.org/client.json', response_type: 'code', scope: 'atproto' }, code, scope: 'atproto',
}, `ref-${number}` as RefreshToken);
const request = (more: Partial<RequestData> = {}): RequestData => ({
  clientId: 'https://app.org/client.json', clientAuth: null, parameters: { client_id: 'https://app.org/client.json', response_type: 'code' }, expiresAt: new Date(1_000), deviceId: null, did: null, code: null, ...more,
});

describe('tokens', () => {
  test('no refresh token and no code stands in the database', async () => {
    tokens.noteTaken('cod-secret', addAccount('ada'));
    await addToken('ada', 1, 'cod-secret');
    await tokens.rotateToken('tok-1', 'tok-2', 'ref-2', { clientAuth: { method: 'none' }, expiresAt: new Date(9), updatedAt: new Date(8), scope: 'atproto' });
    const everything = ['oauth_token', 'oauth_used_refresh_token'].flatMap((table) => database.prepare(`SELECT * FROM ${table}`).all());
    expect(JSON.stringify(everything)).not.toMatch(/ref-|cod-/);
    expect(tokens.findTokenByCode('cod-secret')?.id).toBe('tok-2');
    expect(tokens.findTokenByCode('cod-other')).toBeNull();
  });

  test('the present refresh token is told from a used one', async () => {
    addAccount('ada');
    await addToken('ada', 1);
    expect(tokens.findTokenByRefreshToken('ref-1')?.currentRefreshToken).toBe('ref-1');
    await tokens.rotateToken('tok-1', 'tok-2', 'ref-2', { clientAuth: { method: 'none' }, expiresAt: new Date(9), updatedAt: new Date(8), scope: 'atproto' });
    expect(tokens.findTokenByRefreshToken('ref-1')).toMatchObject({ id: 'tok-2', currentRefreshToken: null });
    expect(tokens.findTokenByRefreshToken('ref-2')).toMatchObject({ id: 'tok-2', currentRefreshToken: 'ref-2' });
    expect(tokens.findTokenByRefreshToken('ref-3')).toBeNull();
    await expect(tokens.rotateToken('tok-1', 'tok-3', 'ref-3', { clientAuth: { method: 'none' }, expiresAt: new Date(9), updatedAt: new Date(8), scope: 'atproto' })).rejects.toThrow('renewed or ended');
  });

  test('ending a session forgets its used refresh tokens too', async () => {
    addAccount('ada');
    await addToken('ada', 1);
    await tokens.rotateToken('tok-1', 'tok-2', 'ref-2', { clientAuth: { method: 'none' }, expiresAt: new Date(9), updatedAt: new Date(8), scope: 'atproto' });
    await tokens.deleteToken('tok-2');
    expect([count('oauth_token'), count('oauth_used_refresh_token')]).toEqual([0, 0]);
  });

  test('an account has so many sessions, and one more ends the oldest', async () => {
    addAccount('ada');
    addAccount('bob');
    await addToken('bob', 0);
    for (let number = 1; number <= maxTokensPerAccount; number++) await addToken('ada', number);
    expect(tokens.listAccountTokens(did('ada'))).toHaveLength(maxTokensPerAccount);
    await addToken('ada', maxTokensPerAccount + 1);
    expect(tokens.listAccountTokens(did('ada'))).toHaveLength(maxTokensPerAccount);
    expect(tokens.readToken('tok-1')).toBeNull();
    expect(tokens.readToken('tok-2')).not.toBeNull();
    expect(tokens.readToken('tok-0')).not.toBeNull();
  });

  test('they go with their account', async () => {
    const id = addAccount('ada');
    await addToken('ada', 1);
    await requests.createRequest('req-1', request());
    await requests.updateRequest('req-1', { did: did('ada'), code: 'cod-1' });
    await addDevice('one');
    await devices.signIn(device('one'), accounts.byId(id)!);
    accounts.delete(id);
    expect(['oauth_token', 'oauth_request', 'oauth_device_account'].map(count)).toEqual([0, 0, 0]);
    await expect(addToken('ada', 2)).rejects.toThrow('account went away');
  });
});

describe('requests', () => {
  test('a code is taken once, whoever comes first', async () => {
    addAccount('ada');
    await requests.createRequest('req-1', request());
    await requests.updateRequest('req-1', { did: did('ada'), code: 'cod-1' });
    expect(requests.readRequest('req-1')).toMatchObject({ did: did('ada'), code: 'cod-given' });
    const taken = await Promise.all([requests.consumeRequestCode('cod-1'), requests.consumeRequestCode('cod-1')]);
    expect(taken.filter((each) => each !== null)).toEqual([{ requestId: 'req-1', data: expect.objectContaining({ did: did('ada'), code: 'cod-1' }) }]);
    expect(await requests.consumeRequestCode('cod-2')).toBeNull();
  });

  test('a code that was taken opens no session once all are ended', async () => {
    const id = addAccount('ada');
    for (const [number, code] of (['cod-1', 'cod-2'] as const).entries()) {
      await requests.createRequest(`req-${number}`, request());
      await requests.updateRequest(`req-${number}`, { did: did('ada'), code });
      expect(await requests.consumeRequestCode(code)).not.toBeNull();
      if (number === 0) await groups.write(() => tokens.deleteAll(id));
    }
    await expect(addToken('ada', 1, 'cod-1')).rejects.toThrow('ended');
    await addToken('ada', 2, 'cod-2');
    await expect(addToken('ada', 3, 'cod-2')).rejects.toThrow('ended');
    expect(tokens.listAccountTokens(did('ada'))).toHaveLength(1);
  });

  test('what is not changed stays, and changing what is gone does nothing', async () => {
    const id = 'req-1' as RequestId;
    await requests.createRequest(id, request({ deviceId: device('one') }));
    await requests.updateRequest(id, { expiresAt: new Date(5_000) });
    expect(requests.readRequest(id)).toEqual(request({ deviceId: device('one'), expiresAt: new Date(5_000) }));
    await requests.deleteRequest(id);
    await requests.updateRequest(id, { expiresAt: new Date(6_000) });
    expect(requests.readRequest(id)).toBeNull();
  });

  test('parameters are bounded', async () => {
    const parameters = (length: number): RequestData['parameters'] => {
      const empty = { client_id: 'https://app.org/client.json', response_type: 'code', state: '' } as const;
      return { ...empty, state: 'x'.repeat(length - JSON.stringify(empty).length) };
    };
    await requests.createRequest('req-1', request({ parameters: parameters(maxParametersLength) }));
    await expect(requests.createRequest('req-2', request({ parameters: parameters(maxParametersLength + 1) }))).rejects.toMatchObject({ status: 413 });
  });
});

describe('devices', () => {
  test('so many accounts sign in on one, and one more signs the longest unused out', async () => {
    await addDevice('one');
    for (let number = 0; number <= maxAccountsPerDevice; number++) {
      clock.advance(1);
      await devices.signIn(device('one'), accounts.byId(addAccount(`p${number}`))!);
      expect(devices.onDevice(device('one'))).toHaveLength(Math.min(number + 1, maxAccountsPerDevice));
    }
    expect(devices.signedIn(device('one'), accounts.byDid(did('p0'))!.id)).toBeNull();
    expect(devices.signedIn(device('one'), accounts.byDid(did('p1'))!.id)).not.toBeNull();
  });

  test('a sign-in for a while ends by itself', async () => {
    const id = addAccount('ada');
    await addDevice('one');
    await devices.signIn(device('one'), accounts.byId(id)!, 1_000);
    clock.advance(999);
    expect(devices.onDevice(device('one'))).toHaveLength(1);
    clock.advance(1);
    expect(devices.onDevice(device('one'))).toEqual([]);
    expect(devices.ofAccount(id)).toEqual([]);
    expect(devices.signedIn(device('one'), id)).toBeNull();
  });

  test('whoever fills the table keeps nobody out: what is over makes place, then what nobody has opened, the oldest first', async () => {
    const ids = (): string[] => database.prepare<[], string>("SELECT id FROM oauth_request WHERE id LIKE 'req-%'").pluck().all().toSorted();
    clock.advance(1_000);
    const ends = (ms: number): Date => new Date(clock.nowMs() + ms);
    await addDevice('one');
    await requests.createRequest('req-over', request({ deviceId: device('one'), expiresAt: ends(-1) }));
    await requests.createRequest('req-opened', request({ deviceId: device('one'), expiresAt: ends(1) }));
    await requests.createRequest('req-old', request({ expiresAt: ends(2) }));
    const fill = database.prepare("INSERT INTO oauth_request (id, client_id, parameters, expires_at, device) VALUES (?, 'x', '{}', ?, 'x')");
    database.transaction(() => {
      for (let number = 3; number < maxOpenRequests - 1; number++) fill.run(`filled-${number}`, ends(60_000).getTime());
    })();
    const made = async (id: `req-${string}`): Promise<string[]> => {
      await requests.createRequest(id, request({ expiresAt: ends(3) }));
      return ids();
    };
    expect(await made('req-last')).toEqual(['req-last', 'req-old', 'req-opened', 'req-over']);
    expect(await made('req-a')).toEqual(['req-a', 'req-last', 'req-old', 'req-opened']);
    expect(await made('req-b')).toEqual(['req-a', 'req-b', 'req-last', 'req-opened']);
    database.exec("UPDATE oauth_request SET device = 'x'");
    expect(await made('req-c')).toEqual(['req-a', 'req-b', 'req-c', 'req-last']);
  });

  test('a sign-in that was proved before all were ended is none, and answers no request', async () => {
    const id = addAccount('ada');
    await addDevice('one');
    const before = accounts.byId(id)!;
    await requests.createRequest('req-1', request({ deviceId: device('one') }));
    eras.note(device('one'), before);
    await groups.write(() => accounts.endEra(id));
    await expect(devices.signIn(device('one'), before)).rejects.toMatchObject({ error: 'SignInAgain' });
    await expect(requests.updateRequest('req-1', { did: did('ada'), code: 'cod-1' })).rejects.toMatchObject({ error: 'SignInAgain' });
    await devices.signIn(device('one'), accounts.byId(id)!);
    eras.note(device('one'), accounts.byId(id)!);
    await requests.updateRequest('req-1', { did: did('ada'), code: 'cod-1' });
    expect(devices.onDevice(device('one'))).toHaveLength(1);
  });

  test('long names of browsers are cut, and updates touch what they name', async () => {
    await devices.createDevice(device('one'), { sessionId: 'ses-1', userAgent: 'x'.repeat(600), ipAddress: '198.51.100.7', lastSeenAt: new Date(1) });
    await devices.updateDevice(device('one'), { sessionId: 'ses-2' });
    expect(devices.readDevice(device('one'))).toEqual({ sessionId: 'ses-2', userAgent: 'x'.repeat(512), ipAddress: '198.51.100.7', lastSeenAt: new Date(1) });
  });
});

test('consents are remembered for so many clients', async () => {
  const id = addAccount('ada');
  const consents = new OAuthConsents(database, groups, clock);
  for (let number = 0; number <= maxConsentsPerAccount; number++) {
    clock.advance(1);
    await consents.set(id, `https://app${number}.org/client.json`, { authorizedScopes: ['atproto'] });
  }
  const held = consents.of(id);
  expect(held.size).toBe(maxConsentsPerAccount);
  expect(held.has('https://app0.org/client.json')).toBe(false);
  expect(held.get('https://app1.org/client.json')).toEqual({ authorizedScopes: ['atproto'] });
});

test('permission sets are kept, and names that were not found for a few minutes', async () => {
  const lexicons = new OAuthLexicons(database, groups, clock);
  const unknown = { createdAt: new Date(clock.nowMs()), updatedAt: new Date(clock.nowMs()), lastSucceededAt: null, uri: null, lexicon: null };
  await lexicons.storeLexicon('org.people.none', unknown);
  expect(lexicons.findLexicon('org.people.none')).toEqual(unknown);
  clock.advance(unknownLifeMs + 1);
  const found = { ...unknown, lastSucceededAt: new Date(2), uri: 'at://did:plc:x/y/z', lexicon: { lexicon: 1, id: 'org.people.set', defs: {} } as never };
  await lexicons.storeLexicon('org.people.set', { ...found, updatedAt: new Date(clock.nowMs()) });
  expect(lexicons.findLexicon('org.people.none')).toBeNull();
  await lexicons.deleteLexicon('org.people.set');
  expect(lexicons.findLexicon('org.people.set')).toBeNull();
});

test('upkeep removes what is over, and nothing a moment early', async () => {
  const id = addAccount('ada');
  await addDevice('stranger');
  await addDevice('known');
  await devices.signIn(device('known'), accounts.byId(id)!);
  await requests.createRequest('req-1', request({ expiresAt: new Date(clock.nowMs()) }));
  await addToken('ada', clock.nowMs());
  await tokens.rotateToken(`tok-${clock.nowMs()}`, 'tok-x', 'ref-x', { clientAuth: { method: 'none' }, expiresAt: new Date(9), updatedAt: new Date(clock.nowMs()), scope: 'atproto' });
  const upkeep = new OAuthUpkeep(database, groups, clock);
  const startMs = clock.nowMs();
  const at = async (ageMs: number): Promise<number[]> => {
    clock.advance(startMs + ageMs - clock.nowMs());
    await upkeep.prune();
    return ['oauth_request', 'oauth_device', 'oauth_token', 'oauth_used_refresh_token'].map(count);
  };
  expect(await at(requestGraceMs)).toEqual([1, 2, 1, 1]);
  expect(await at(requestGraceMs + 1)).toEqual([0, 2, 1, 1]);
  expect(await at(strangerLifeMs)).toEqual([0, 2, 1, 1]);
  expect(await at(strangerLifeMs + 1)).toEqual([0, 1, 1, 1]);
  expect(await at(tokenLifeMs)).toEqual([0, 1, 1, 1]);
  expect(await at(tokenLifeMs + 1)).toEqual([0, 1, 0, 0]);
  expect(await at(deviceLifeMs)).toEqual([0, 1, 0, 0]);
  expect(await at(deviceLifeMs + 1)).toEqual([0, 0, 0, 0]);
});
