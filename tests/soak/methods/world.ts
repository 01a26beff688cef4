/**
 * Everything the methods speak about, on real sockets: a PDS with mail, a directory and an old home of somebody who moves in, a relay
 * with a host that has sent events, an app view with a room. And the people and codes that input is made of.
 * Not for: which input a method takes (the files beside this one). Source: ours.
 */
import { join } from 'node:path';
import { startAppview } from '@dunlin/appview/appview';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { silentLogger } from '@dunlin/service/log/logger';
import { FakeNetwork, type FakeAccount } from '../../appview/fake-repo.ts';
import { FakeFirehose } from '../../harness/fake-firehose.ts';
import { temporaryFolder } from '../../harness/temporary.ts';
import { eventually } from '../../harness/wait.ts';
import { message, react, room, roomUri } from '../../appview/small-index.ts';
import { startMailServer, type MailServer } from '../../pds/mail/mail-server.ts';
import { startFakeService, type FakeService } from '../../pds/proxy/fake-service.ts';
import { post, startSmallPds, type Answer, type CallOptions, type SmallPds } from '../../pds/small-pds.ts';
import { wildcardFetch } from '../../pds/wildcard-fetch.ts';
import { FakeAccount as RelayAccount } from '../../relay/fixture/fake-account.ts';
import { TestRelay, type FakeHost } from '../../relay/fixture/test-relay.ts';

/** Below it, the PDS writes the documents of did:web DIDs. */
const hostedDomain = '.people.dunlin-test.org';

export type ServerName = 'pds' | 'relay' | 'appview';

/** Somebody with an account at the PDS. */
export interface Member {
  readonly did: string;
  readonly handle: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly refreshToken: string;
}

/** A member with records, blobs and an invite code, whom makers only read. */
export interface Author extends Member {
  readonly uri: string;
  readonly cid: string;
  readonly rkey: string;
  readonly blobCid: string;
  readonly commit: { readonly cid: string; readonly rev: string };
}

export const postCollection = 'app.bsky.feed.post';
/** Published by the author; its name leads to the author by DNS. */
export const lexiconId = 'org.people.methods.thing';

/** The running servers and what they have. */
export class World {
  readonly pds: SmallPds;
  /** Another PDS with the same directory. */
  readonly oldHome: SmallPds;
  readonly relay: TestRelay;
  readonly appview: { readonly url: string; readonly did: string };
  readonly mail: MailServer;
  readonly service: FakeService;
  readonly relayHost: FakeHost;
  readonly relayAccount: RelayAccount;
  readonly viewer: FakeAccount;
  readonly roomUri: string;
  readonly author: Author;
  #people = 0;
  #addresses = 0;

  constructor(o: Pick<World, 'pds' | 'oldHome' | 'relay' | 'appview' | 'mail' | 'service' | 'relayHost' | 'relayAccount' | 'viewer' | 'roomUri'> & { author: Author; people: number }) {
    this.pds = o.pds;
    this.oldHome = o.oldHome;
    this.relay = o.relay;
    this.appview = o.appview;
    this.mail = o.mail;
    this.service = o.service;
    this.relayHost = o.relayHost;
    this.relayAccount = o.relayAccount;
    this.viewer = o.viewer;
    this.roomUri = o.roomUri;
    this.author = o.author;
    this.#people = o.people;
  }

  /** The base URL of a server. */
  urlOf(name: ServerName): string {
    return name === 'pds' ? this.pds.url : name === 'relay' ? this.relay.relay.url : this.appview.url;
  }

  /** A name nobody has had yet. */
  newName(): string {
    return `m${++this.#people}x`;
  }

  /** An address nobody has asked from yet. */
  readonly newAddress = (): string => `203.0.${Math.floor(++this.#addresses / 250)}.${1 + (this.#addresses % 250)}`;

  /** Somebody new. */
  async member(): Promise<Member> {
    return await signUp(this.pds, this.newName());
  }

  /** Somebody new whose DID is a did:web that the PDS writes. */
  async hostedMember(): Promise<Member> {
    const name = this.newName();
    return await signUp(this.pds, name, { handle: `${name}${hostedDomain}`, did: `did:web:${name}${hostedDomain}` });
  }

  /** Calls the PDS. @throws when the answer is no 200: what a maker needs must work */
  async call(nsid: string, options: CallOptions = {}): Promise<Answer['json']> {
    return await mustCall(this.pds, nsid, options);
  }

  /** Asks for a letter and gives the code in it. */
  async mailedCode(nsid: string, who: Member, options: CallOptions = { method: 'POST', token: who.token }): Promise<string> {
    const before = this.mail.mails.length;
    await this.call(nsid, options);
    await eventually('the letter is here', () => this.mail.mails.slice(before).some(({ to }) => to === who.email));
    return this.mail.codeFor(who.email);
  }
}

async function mustCall(pds: SmallPds, nsid: string, options: CallOptions): Promise<Answer['json']> {
  const { status, json } = await pds.call(nsid, options);
  if (status !== 200) throw new Error(`${nsid} was needed and refused: ${status} ${JSON.stringify(json)}`);
  return json;
}

async function signUp(pds: SmallPds, name: string, wanted: { handle: string; did?: string } = { handle: `${name}.test` }): Promise<Member> {
  const [email, password] = [`${name}@people.org`, `${name} password`];
  const { handle } = wanted;
  const made = await mustCall(pds, 'com.atproto.server.createAccount', { body: { ...wanted, email, password } });
  return { did: String(made['did']), handle, email, password, token: String(made['accessJwt']), refreshToken: String(made['refreshJwt']) };
}

/** Starts it all, gives it to `use` and closes it. */
export async function withWorld<T>(use: (world: World) => Promise<T>): Promise<T> {
  const closers: (() => Promise<unknown>)[] = [];
  const own = async <S extends { close(): Promise<unknown> }>(starting: Promise<S>): Promise<S> => {
    const started = await starting;
    closers.push(() => started.close());
    return started;
  };
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  try {
    const [mail, service, relay, firehose] = [await own(startMailServer()), await own(startFakeService()), await own(TestRelay.start()), await own(FakeFirehose.start())];
    let lexiconAuthor = '';
    const pds: SmallPds = await own(startSmallPds({
      environment: { PDS_EMAIL_SMTP_URL: mail.url, PDS_EMAIL_FROM_ADDRESS: 'pds@example.org', PDS_INVITE_REQUIRED: 'false', PDS_SERVICE_HANDLE_DOMAINS: `.test,.example,${hostedDomain}`, PDS_HOSTED_DID_WEB: 'true' },
      fetch: wildcardFetch(hostedDomain, () => pds.url),
      resolveTxt: async (name) => {
        if (name === '_lexicon.methods.people.org') return [[`did=${lexiconAuthor}`]];
        throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      },
    }));
    const oldHome = await own(startSmallPds({ environment: { PDS_SERVICE_HANDLE_DOMAINS: '.old.test', PDS_DID_PLC_URL: pds.plc.url } }));
    const network = new FakeNetwork(firehose);
    const appview = await own(startAppview(
      { port: 0, dataDirectory: folder.path, relayUrl: firehose.url, isDevMode: true, demoFile: join(folder.path, 'demo.json'), pageFolder: join(folder.path, 'page') },
      { log: silentLogger, resolver: network.resolver },
    ));
    const viewer = network.account('did:plc:bbbbbbbbbbbbbbbbbbbbbbbb');
    const [relayHost, relayAccount] = await fillRelay(relay);
    const author = await makeAuthor(pds);
    lexiconAuthor = author.did;
    const uri = await fillAppview(appview, viewer);
    return await use(new World({ pds, oldHome, relay, appview, mail, service, relayHost, relayAccount, viewer, roomUri: uri, author, people: 0 }));
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function fillRelay(relay: TestRelay): Promise<[FakeHost, RelayAccount]> {
  const host = await relay.crawledHost();
  const account = relay.register(new RelayAccount(), host);
  for (let n = 0; n < 5; n++) host.send(account.commit());
  await eventually('the relay has the commits', async () => (await relay.get(`/xrpc/com.atproto.sync.getLatestCommit?did=${account.did}`)).status === 200);
  return [host, account];
}

async function fillAppview(appview: { readonly url: string; readonly did: string }, viewer: FakeAccount): Promise<string> {
  const uri = roomUri(viewer.did, 'hide');
  const gateway = `${appview.did}#dunlin_live`;
  viewer.write([room('hide', { gateway })]);
  const now = new Date().toISOString();
  for (let n = 0; n < 3; n++) viewer.write([message(`m${n}`, uri, `message ${n}`, { createdAt: now }), react(`r${n}`, ['🐦', '👍', '🎉'][n]!, uri)]);
  await eventually('the app view has the reactions', async () => {
    const answer = await fetch(`${appview.url}/xrpc/app.dunlin.live.getReactionCounts?subjects=${encodeURIComponent(uri)}`);
    return (await answer.text()).includes('🎉');
  });
  return uri;
}

async function makeAuthor(pds: SmallPds): Promise<Author> {
  const member = await signUp(pds, 'author');
  const { did, token } = member;
  const { blob } = (await mustCall(pds, 'com.atproto.repo.uploadBlob', { body: Buffer.from('\x89PNG\r\n\x1a\nauthor', 'latin1'), headers: { 'content-type': 'image/png' }, token })) as { blob: { ref: { $link: string } } };
  await mustCall(pds, 'com.atproto.repo.putRecord', { body: { repo: did, collection: 'app.bsky.actor.profile', rkey: 'self', record: { $type: 'app.bsky.actor.profile', displayName: 'A', avatar: blob } }, token });
  const schema = { $type: 'com.atproto.lexicon.schema', lexicon: 1, id: lexiconId, defs: { main: { type: 'record', key: 'tid', record: { type: 'object', properties: { text: { type: 'string' } } } } } };
  await mustCall(pds, 'com.atproto.repo.putRecord', { body: { repo: did, collection: 'com.atproto.lexicon.schema', rkey: lexiconId, record: schema }, token });
  let made: Answer['json'] = {};
  for (let n = 0; n < 4; n++) made = await mustCall(pds, 'com.atproto.repo.createRecord', { body: { repo: did, collection: postCollection, record: post(`post ${n}`) }, token });
  await mustCall(pds, 'com.atproto.server.createInviteCode', { body: { useCount: 3, forAccount: did }, headers: pds.admin });
  const uri = String(made['uri']);
  return { ...member, uri, cid: String(made['cid']), rkey: uri.split('/').at(-1)!, blobCid: blob.ref.$link, commit: made['commit'] as Author['commit'] };
}


/** A did:key that nobody has. */
export function newDidKey(): string {
  return Keypair.generate().did;
}
