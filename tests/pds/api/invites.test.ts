/** Sign-up by invitation: codes made, given, used up, disabled. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { startSmallPds, type Answer, type SmallPds } from '../small-pds.ts';

const day = 86_400_000;
const clock = new ManualClock();
let small: SmallPds;
let first: { did: string; token: string };
beforeAll(async () => {
  small = await startSmallPds({ clock, environment: { PDS_INVITE_REQUIRED: 'true', PDS_INVITE_INTERVAL: String(day) } });
});
afterAll(() => small.close());

const says = ({ status, json }: Answer): unknown[] => [status, json['error'], json['message']];
const asAdmin = (nsid: string, o: object): Promise<Answer> => small.call(`com.atproto.${nsid}`, { headers: small.admin, ...o });
const signUp = (name: string, inviteCode?: string): Promise<Answer> =>
  small.call('com.atproto.server.createAccount', { body: { handle: `${name}.test`, email: `${name}@people.org`, password: 'x', ...(inviteCode !== undefined && { inviteCode }) } });
const makeCode = async (body: object): Promise<string> => String((await asAdmin('server.createInviteCode', { body })).json['code']);

test('describeServer says that a code is needed, and nobody gets in without', async () => {
  expect((await small.call('com.atproto.server.describeServer')).json['inviteCodeRequired']).toBe(true);
  expect(says(await signUp('uninvited'))).toEqual([400, 'InvalidInviteCode', 'No invite code provided']);
  expect(says(await signUp('uninvited', 'localhost-aaaaa-aaaaa'))).toEqual([400, 'InvalidInviteCode', 'Provided invite code not available']);
});

test('a code lets in as many as it says', async () => {
  const code = await makeCode({ useCount: 2 });
  expect(code).toMatch(/^localhost-[a-z2-7]{5}-[a-z2-7]{5}$/);
  const { json } = await signUp('first', code);
  first = { did: String(json['did']), token: String(json['accessJwt']) };
  expect((await signUp('second', code)).status).toBe(200);
  expect(says(await signUp('third', code))).toEqual([400, 'InvalidInviteCode', 'Provided invite code not available']);
  const { json: info } = await asAdmin('admin.getAccountInfo', { params: { did: first.did } });
  expect(info['invitedBy']).toEqual({
    code, available: 2, disabled: false, forAccount: 'admin', createdBy: 'admin', createdAt: expect.any(String),
    uses: [{ usedBy: expect.stringMatching(/^did:plc:/), usedAt: expect.any(String) }, { usedBy: expect.stringMatching(/^did:plc:/), usedAt: expect.any(String) }],
  });
});

test('of two who ask at once with the last use of a code, one gets in', async () => {
  const code = await makeCode({ useCount: 1 });
  const answers = await Promise.all([signUp('racer', code), signUp('runner', code)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
});

test('a failed sign-up does not use the code up', async () => {
  const code = await makeCode({ useCount: 1 });
  expect((await signUp('first', code)).json['message']).toBe('Handle already taken: first.test');
  expect((await signUp('fresh', code)).status).toBe(200);
});

test('people earn a code for every interval, up to five unused, and see theirs', async () => {
  const mine = async (params: Record<string, string> = {}): Promise<Record<string, unknown>[]> => {
    const { json: session } = await small.call('com.atproto.server.createSession', { body: { identifier: 'first.test', password: 'x' } });
    return (await small.call('com.atproto.server.getAccountInviteCodes', { params, token: String(session['accessJwt']) })).json['codes'] as Record<string, unknown>[];
  };
  expect(await mine()).toEqual([]);
  clock.advance(2 * day);
  expect(await mine({ createAvailable: 'false' })).toEqual([]);
  const two = await mine();
  expect(two).toHaveLength(2);
  expect(two[0]).toMatchObject({ available: 1, disabled: false, forAccount: first.did, createdBy: first.did, uses: [] });
  expect(await mine()).toEqual(two);
  clock.advance(100 * day);
  expect(await mine()).toHaveLength(5);
  await signUp('visitor', String(two[0]?.['code']));
  expect(await mine({ includeUsed: 'false', createAvailable: 'false' })).toHaveLength(4);
  expect(await mine({ createAvailable: 'false' })).toHaveLength(5);
});

test('an operator makes codes for people, lists and disables them', async () => {
  const { json } = await asAdmin('server.createInviteCodes', { body: { codeCount: 2, useCount: 1, forAccounts: [first.did, 'did:web:b.org'] } });
  expect(json['codes']).toEqual([{ account: first.did, codes: [expect.any(String), expect.any(String)] }, { account: 'did:web:b.org', codes: [expect.any(String), expect.any(String)] }]);
  expect((await asAdmin('server.createInviteCodes', { body: { codeCount: 10_001, useCount: 1 } })).status).toBe(400);
  expect((await asAdmin('server.createInviteCode', { body: { useCount: 0 } })).status).toBe(400);
  const listed: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = (await asAdmin('admin.getInviteCodes', { params: { limit: 3, ...(cursor !== undefined && { cursor }) } })).json;
    const codes = page['codes'] as { code: string }[];
    if (codes.length === 0) break;
    listed.push(...codes.map(({ code }) => code));
    cursor = String(page['cursor']);
  }
  expect(new Set(listed).size).toBe(listed.length);
  expect(listed.length).toBeGreaterThan(9);
  const [mostUsed] = (await asAdmin('admin.getInviteCodes', { params: { sort: 'usage', limit: 1 } })).json['codes'] as { uses: unknown[] }[];
  expect(mostUsed?.uses).toHaveLength(2);
  expect(says(await asAdmin('admin.getInviteCodes', { params: { sort: 'beauty' } }))).toEqual([400, 'InvalidRequest', 'unknown sort method: beauty']);
  expect(says(await asAdmin('admin.getInviteCodes', { params: { cursor: 'x' } }))).toEqual([400, 'InvalidRequest', 'Malformed cursor']);
  const [code] = (json['codes'] as { codes: string[] }[])[1]!.codes;
  await asAdmin('admin.disableInviteCodes', { body: { codes: [code] } });
  expect((await signUp('late', code)).json['error']).toBe('InvalidInviteCode');
  await asAdmin('admin.disableInviteCodes', { body: { accounts: ['did:web:b.org'] } });
  expect((await signUp('late', (json['codes'] as { codes: string[] }[])[1]!.codes[1])).json['error']).toBe('InvalidInviteCode');
  expect((await asAdmin('admin.disableInviteCodes', { body: { accounts: ['admin'] } })).json['message']).toBe('cannot disable admin invite codes');
});

test('codes of somebody who was taken down do not hold, and who may not invite earns disabled ones', async () => {
  const code = String((await asAdmin('server.createInviteCode', { body: { useCount: 5, forAccount: first.did } })).json['code']);
  const subject = { $type: 'com.atproto.admin.defs#repoRef', did: first.did };
  await asAdmin('admin.updateSubjectStatus', { body: { subject, takedown: { applied: true } } });
  expect((await signUp('late', code)).json['error']).toBe('InvalidInviteCode');
  await asAdmin('admin.updateSubjectStatus', { body: { subject, takedown: { applied: false } } });
  await asAdmin('admin.disableAccountInvites', { body: { account: first.did } });
  expect((await asAdmin('admin.getAccountInfo', { params: { did: first.did } })).json['invitesDisabled']).toBe(true);
  await asAdmin('admin.enableAccountInvites', { body: { account: first.did } });
  expect((await asAdmin('admin.getAccountInfo', { params: { did: first.did } })).json['invitesDisabled']).toBe(false);
  expect((await signUp('late', code)).status).toBe(200);
});
