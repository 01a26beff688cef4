/**
 * Input for what people do with their accounts at a PDS: com.atproto.server.*, identity.*, app.dunlin.account.*, preferences.
 * Not for: records, the operator, other servers (the files beside this one). Source: the lexicons.
 */
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { totpCode, totpStep } from '@dunlin/pds/factor/totp';
import { SoftPasskey } from '../../pds/factor/soft-passkey.ts';
import { as, type Made, type Makers } from './made.ts';
import type { Member, World } from './world.ts';

const server = 'com.atproto.server.';
const identity = 'com.atproto.identity.';
const account = 'app.dunlin.account.';

const byAuthor = ({ author }: World): Made => as(author);
const byMember = async (world: World): Promise<Made> => as(await world.member());

async function withCode(world: World, nsid: string, body: (member: Member, code: string) => Record<string, unknown>): Promise<Made> {
  const member = await world.member();
  return { ...as(member), body: body(member, await world.mailedCode(nsid, member)) };
}

/** A new session of somebody: its refresh token may be used up. */
async function session(world: World, member: Member): Promise<{ token: string; refreshToken: string }> {
  const made = await world.call(`${server}createSession`, { body: { identifier: member.did, password: member.password } });
  return { token: String(made['accessJwt']), refreshToken: String(made['refreshJwt']) };
}

function secretBytes(shown: string): Uint8Array {
  const bits = [...shown].map((sign) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(sign).toString(2).padStart(5, '0')).join('');
  return Uint8Array.from({ length: Math.floor(bits.length / 8) }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2));
}

async function withApp(world: World): Promise<{ member: Member; body: { code: string } }> {
  const member = await world.member();
  const begun = await world.call(`${account}startTotp`, { token: member.token, method: 'POST' });
  return { member, body: { code: totpCode(secretBytes(String(begun['secret'])), totpStep(Date.now())) } };
}

async function withPasskey(world: World): Promise<{ member: Member; passkey: SoftPasskey; id: string }> {
  const member = await world.member();
  const passkey = new SoftPasskey(world.pds.url);
  const { options } = await world.call(`${account}startPasskey`, { token: member.token, method: 'POST' });
  const { id } = await world.call(`${account}finishPasskey`, { token: member.token, body: { name: 'key', answer: passkey.create(options) } });
  return { member, passkey, id: String(id) };
}

/** Sessions. */
const sessions: Makers = {
  [`${server}createAccount`]: (world) => {
    const name = world.newName();
    return { body: { handle: `${name}.test`, email: `${name}@people.org`, password: 'a password', verificationCode: 'x' } };
  },
  [`${server}createSession`]: ({ author }) => ({ body: { identifier: author.handle, password: author.password, allowTakendown: true } }),
  [`${server}getSession`]: byAuthor,
  [`${server}refreshSession`]: async (world) => as({ token: (await session(world, world.author)).refreshToken }),
  [`${server}deleteSession`]: async (world) => as({ token: (await session(world, world.author)).refreshToken }),
  [`${server}createAppPassword`]: async (world) => ({ ...(await byMember(world)), body: { name: 'app', privileged: true } }),
  [`${server}listAppPasswords`]: byAuthor,
  [`${server}revokeAppPassword`]: ({ author }) => ({ ...as(author), body: { name: 'app' } }),
  [`${server}getServiceAuth`]: ({ author, service }) => ({ ...as(author), params: { aud: service.did, exp: Math.floor(Date.now() / 1000) + 50, lxm: 'app.bsky.feed.getTimeline' } }),
  [`${server}getAccountInviteCodes`]: ({ author }) => ({ ...as(author), params: { includeUsed: true, createAvailable: true } }),
  [`${server}describeServer`]: () => ({}),
};

/** Coming, pausing and leaving; addresses and passwords. */
const standing: Makers = {
  [`${server}activateAccount`]: async (world) => {
    const member = await world.member();
    await world.call(`${server}deactivateAccount`, { body: {}, token: member.token });
    return as(member);
  },
  [`${server}deactivateAccount`]: async (world) => ({ ...(await byMember(world)), body: { deleteAfter: '2099-01-01T00:00:00.000Z' } }),
  [`${server}checkAccountStatus`]: byAuthor,
  [`${server}requestAccountDelete`]: byMember,
  [`${server}deleteAccount`]: async (world) => {
    const { body = {} } = await withCode(world, `${server}requestAccountDelete`, ({ did, password }, token) => ({ did, password, token }));
    return { body };
  },
  [`${server}requestEmailConfirmation`]: byMember,
  [`${server}confirmEmail`]: async (world) => await withCode(world, `${server}requestEmailConfirmation`, ({ email }, token) => ({ email, token })),
  [`${server}requestEmailUpdate`]: byMember,
  [`${server}updateEmail`]: async (world) => {
    const member = await world.member();
    const token = await world.mailedCode(`${server}requestEmailConfirmation`, member);
    await world.call(`${server}confirmEmail`, { body: { email: member.email, token }, token: member.token });
    return { ...as(member), body: { email: `${world.newName()}@people.org`, token: await world.mailedCode(`${server}requestEmailUpdate`, member), emailAuthFactor: false } };
  },
  [`${server}requestPasswordReset`]: async (world) => ({ body: { email: (await world.member()).email } }),
  [`${server}resetPassword`]: async (world) => {
    const member = await world.member();
    const token = await world.mailedCode(`${server}requestPasswordReset`, member, { body: { email: member.email } });
    return { body: { token, password: 'another password' } };
  },
  [`${server}reserveSigningKey`]: ({ author }) => ({ body: { did: author.did } }),
  'com.atproto.temp.checkSignupQueue': byAuthor,
  'com.atproto.temp.checkHandleAvailability': () => ({ params: { handle: 'author.test', email: 'free@people.org', birthDate: '1990-01-01T00:00:00.000Z' } }),
  'app.bsky.actor.getPreferences': byAuthor,
  'app.bsky.actor.putPreferences': async (world) => ({ ...(await byMember(world)), body: { preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }] } }),
  'app.bsky.notification.registerPush': ({ author, service }) => ({ ...as(author), body: { serviceDid: service.did, token: 't', platform: 'web', appId: 'app', ageRestricted: false } }),
  'app.bsky.notification.unregisterPush': ({ author, service }) => ({ ...as(author), body: { serviceDid: service.did, token: 't', platform: 'web', appId: 'app' } }),
};

/** Names and keys. */
const identities: Makers = {
  [`${identity}resolveHandle`]: ({ author }) => ({ params: { handle: author.handle } }),
  [`${identity}resolveDid`]: ({ author }) => ({ params: { did: author.did } }),
  [`${identity}resolveIdentity`]: ({ author }) => ({ params: { identifier: author.handle } }),
  [`${identity}refreshIdentity`]: ({ author }) => ({ ...as(author), body: { identifier: author.did } }),
  [`${identity}updateHandle`]: async (world) => ({ ...(await byMember(world)), body: { handle: `${world.newName()}.test` } }),
  [`${identity}getRecommendedDidCredentials`]: byAuthor,
  [`${identity}requestPlcOperationSignature`]: byMember,
  [`${identity}signPlcOperation`]: async (world) => await withCode(world, `${identity}requestPlcOperationSignature`, ({ handle }, token) => ({ token, alsoKnownAs: [`at://${handle}`, 'at://other.example'] })),
  [`${identity}submitPlcOperation`]: async (world) => {
    const member = await world.member();
    const token = await world.mailedCode(`${identity}requestPlcOperationSignature`, member);
    const { operation } = await world.call(`${identity}signPlcOperation`, { body: { token, alsoKnownAs: [`at://${member.handle}`] }, token: member.token });
    return { ...as(member), body: { operation } };
  },
};

/** Second factors and sessions, ours. */
const factors: Makers = {
  [`${account}getFactors`]: byAuthor,
  [`${account}startTotp`]: byMember,
  [`${account}confirmTotp`]: async (world) => {
    const { member, body } = await withApp(world);
    return { ...as(member), body };
  },
  [`${account}removeTotp`]: byMember,
  [`${account}startPasskey`]: byMember,
  [`${account}finishPasskey`]: async (world) => {
    const member = await world.member();
    const { options } = await world.call(`${account}startPasskey`, { token: member.token, method: 'POST' });
    return { ...as(member), body: { name: 'key', answer: new SoftPasskey(world.pds.url).create(options) } };
  },
  [`${account}removePasskey`]: async (world) => {
    const { member, id } = await withPasskey(world);
    return { ...as(member), body: { id } };
  },
  [`${account}startPasskeyCheck`]: async (world) => {
    const { member: { handle, password } } = await withPasskey(world);
    return { body: { identifier: handle, password } };
  },
  [`${account}finishPasskeyCheck`]: async (world) => {
    const { member: { handle, password }, passkey } = await withPasskey(world);
    const { options } = await world.call(`${account}startPasskeyCheck`, { body: { identifier: handle, password } });
    return { body: { identifier: handle, password, answer: passkey.get(options) } };
  },
  [`${account}startPasskeySignIn`]: () => ({}),
  [`${account}finishPasskeySignIn`]: async (world) => {
    const { passkey } = await withPasskey(world);
    const { options } = await world.call(`${account}startPasskeySignIn`, { method: 'POST' });
    return { body: { answer: passkey.get(options) } };
  },
  'app.dunlin.identity.updateHostedDid': async (world) => {
    const member = await world.hostedMember();
    const { did: signingKey } = Keypair.generate();
    const token = await world.mailedCode('com.atproto.identity.requestPlcOperationSignature', member);
    return { ...as(member), body: { token, home: { signingKey, endpoint: 'https://pds.example.org', handle: member.handle } } };
  },
  'app.dunlin.identity.signHostedDidAuth': (world) =>
    withCode(world, 'com.atproto.identity.requestPlcOperationSignature', (_member, token) => ({ token, aud: 'did:web:pds.example.org' })),
  [`${account}makeRecoveryCodes`]: async (world) => {
    const { member, body } = await withApp(world);
    await world.call(`${account}confirmTotp`, { body, token: member.token });
    return as(member);
  },
  [`${account}makeSignInCode`]: byMember,
  [`${account}listSessions`]: byAuthor,
  [`${account}endSession`]: async (world) => {
    const member = await world.member();
    await session(world, member);
    const { sessions: list } = await world.call(`${account}listSessions`, { token: member.token });
    return { ...as(member), body: { id: (list as { id: string }[])[0]!.id } };
  },
  [`${account}getRotationKeys`]: byAuthor,
};

/** All of them. */
export const makersOfPeople: Makers = { ...sessions, ...standing, ...identities, ...factors };
