/**
 * Input for the operator of a PDS (com.atproto.admin.*, app.dunlin.admin.*, invite codes), and for the relay and the app view.
 * Not for: what people do (the files beside this one). Source: the lexicons.
 */
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { makeRepo, newTraveller } from '../../pds/migration/moving.ts';
import { operator, type Maker, type Makers } from './made.ts';
import { postCollection, type World } from './world.ts';

const admin = 'com.atproto.admin.';
const sync = 'com.atproto.sync.';
const live = 'app.dunlin.live.';

const onMember = (body: (member: { did: string; handle: string }, world: World) => Record<string, unknown>): Maker => async (world) => ({ ...operator(world), body: body(await world.member(), world) });

const noBlob = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku';

/** What the operator of a PDS does. */
export const makersOfOperators: Makers = {
  [`${admin}getAccountInfo`]: (world) => ({ ...operator(world), params: { did: world.author.did } }),
  [`${admin}getAccountInfos`]: (world) => ({ ...operator(world), params: { dids: [world.author.did] } }),
  [`${admin}searchAccounts`]: (world) => ({ ...operator(world), params: { email: 'author', cursor: '0', limit: 2 } }),
  [`${admin}deleteAccount`]: onMember(({ did }) => ({ did })),
  [`${admin}getSubjectStatus`]: (world) => ({ ...operator(world), params: { did: world.author.did, uri: world.author.uri } }),
  [`${admin}updateSubjectStatus`]: onMember(({ did }) => ({ subject: { $type: `${admin}defs#repoRef`, did }, takedown: { applied: true, ref: '7' }, deactivated: { applied: true } })),
  [`${admin}getInviteCodes`]: (world) => ({ ...operator(world), params: { sort: 'usage', limit: 2, cursor: '9::x' } }),
  [`${admin}disableInviteCodes`]: (world) => ({ ...operator(world), body: { codes: ['a'], accounts: [world.author.did] } }),
  [`${admin}disableAccountInvites`]: onMember(({ did }) => ({ account: did, note: 'x' })),
  [`${admin}enableAccountInvites`]: onMember(({ did }) => ({ account: did, note: 'x' })),
  [`${admin}sendEmail`]: onMember(({ did }, { author }) => ({ recipientDid: did, content: 'hello', subject: 'news', senderDid: author.did, comment: 'x' })),
  [`${admin}updateAccountEmail`]: onMember(({ handle }, world) => ({ account: handle, email: `${world.newName()}@people.org` })),
  [`${admin}updateAccountHandle`]: onMember(({ did }, world) => ({ did, handle: `${world.newName()}.test` })),
  [`${admin}updateAccountPassword`]: onMember(({ did }) => ({ did, password: 'new password' })),
  [`${admin}updateAccountSigningKey`]: async (world) => {
    const { did } = await world.member();
    const { signingKey } = await world.call('com.atproto.server.reserveSigningKey', { body: { did } });
    return { ...operator(world), body: { did, signingKey } };
  },
  'com.atproto.temp.revokeAccountCredentials': onMember(({ did }) => ({ account: did })),
  'com.atproto.server.createInviteCode': (world) => ({ ...operator(world), body: { useCount: 1, forAccount: world.author.did } }),
  'com.atproto.server.createInviteCodes': (world) => ({ ...operator(world), body: { codeCount: 2, useCount: 1, forAccounts: [world.author.did] } }),
  'app.dunlin.admin.listMailCodes': (world) => ({ ...operator(world), params: { account: world.author.did } }),
  'app.dunlin.admin.getOverview': operator,
  'app.dunlin.admin.getNeighbours': operator,
  'app.dunlin.admin.requestCrawl': (world) => ({ ...operator(world), body: { relays: [world.relay.relay.url] } }),
  'app.dunlin.admin.listAccounts': (world) => ({ ...operator(world), params: { q: 'author', state: 'active', limit: 2, cursor: '999' } }),
  'app.dunlin.admin.getAccount': (world) => ({ ...operator(world), params: { account: world.author.did } }),
  'app.dunlin.admin.reviewBlobs': (world) => ({ ...operator(world), params: { cursor: '5' } }),
  'app.dunlin.admin.listActs': (world) => ({ ...operator(world), params: { subject: world.author.did, limit: 2, cursor: '999' } }),
  'app.dunlin.admin.renameHost': (world) => ({
    ...operator(world), body: { from: 'old.example.org', to: 'new.example.org', handles: { from: '.test', to: '.example' }, dryRun: true, cursor: '0', limit: 1, perSecond: 100 },
  }),
  'app.dunlin.admin.removeFactors': onMember(({ did }) => ({ did })),
  'app.dunlin.admin.listBlobTrash': (world) => ({ ...operator(world), params: { did: world.author.did, limit: 2, cursor: `${world.author.did} ${noBlob}` } }),
  'app.dunlin.admin.reviewBlobTrash': (world) => ({ ...operator(world), params: { limit: 2, cursor: world.author.did } }),
  'app.dunlin.admin.restoreBlobs': (world) => ({ ...operator(world), body: { did: world.author.did, cids: [noBlob] } }),
  'app.dunlin.admin.purgeBlobs': (world) => ({ ...operator(world), body: { did: world.author.did, cids: [noBlob] } }),
  'app.dunlin.admin.fetchMissingBlobs': async (world) => {
    const { pds, author, service } = world;
    const traveller = await newTraveller({ plcUrl: pds.plc.url, url: pds.url }, world.newName());
    const picture = Buffer.from('\x89PNG\r\n\x1a\npicture', 'latin1');
    const file = { $type: 'blob', ref: cidForRaw(picture), mimeType: 'image/png', size: picture.length };
    const { car } = makeRepo(traveller.did, traveller.signingKey, [['com.example.file/self', { $type: 'com.example.file', file }]]);
    await world.call('com.atproto.repo.importRepo', { body: car, headers: { 'content-type': 'application/vnd.ipld.car' }, token: traveller.token });
    service.answer = (_asked, response) => void response.writeHead(200, { 'content-type': 'image/png' }).end(picture);
    return { ...operator(world), body: { did: traveller.did, from: service.url, cursor: author.blobCid } };
  },
};

/** What a relay is asked. */
export const makersOfRelay: Makers = {
  [`${sync}listHosts`]: () => ({ params: { limit: 2, cursor: '0' } }),
  [`${sync}getHostStatus`]: ({ relayHost }) => ({ params: { hostname: relayHost.hostname } }),
  // Each time from another address, as a proxy would say it: one address may ask only so often.
  [`${sync}requestCrawl`]: ({ relayHost, newAddress }) => ({ body: { hostname: relayHost.hostname }, headers: { 'x-forwarded-for': newAddress() } }),
  [`${sync}listRepos`]: () => ({ params: { limit: 2, cursor: '0' } }),
  [`${sync}getRepoStatus`]: ({ relayAccount }) => ({ params: { did: relayAccount.did } }),
  [`${sync}getLatestCommit`]: ({ relayAccount }) => ({ params: { did: relayAccount.did } }),
  [`${sync}getRepo`]: ({ relayAccount }) => ({ params: { did: relayAccount.did, since: '2222222222222' } }),
  [`${sync}listReposByCollection`]: () => ({ params: { collection: postCollection, limit: 2, cursor: '0' } }),
  'app.dunlin.relay.listCollections': () => ({ params: { prefix: 'app.bsky.', limit: 2, cursor: 'app.bsky.a' } }),
};

/** What an app view is asked. */
export const makersOfAppview: Makers = {
  [`${live}getReactions`]: ({ roomUri, viewer }) => ({ params: { subject: roomUri, value: '🐦', collection: `${live}reaction`, viewer: viewer.did, limit: 2 } }),
  [`${live}getReactionCounts`]: ({ roomUri }) => ({ params: { subjects: [roomUri, 'https://example.org/'] } }),
  [`${live}getReactionSources`]: () => ({}),
  [`${live}events`]: ({ roomUri }) => ({ params: { subjects: [roomUri, 'https://example.org/'] } }),
  [`${live}getRoom`]: ({ roomUri }) => ({ params: { uri: roomUri } }),
  [`${live}listRooms`]: ({ viewer }) => ({ params: { owner: viewer.did, limit: 2 } }),
  // Without a token: each is good for one call.
  [`${live}listMessages`]: ({ roomUri }) => ({ params: { room: roomUri, limit: 2 } }),
};

