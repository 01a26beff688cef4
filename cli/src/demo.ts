/**
 * The demo's people and things, made through the servers' public methods as anybody would: two accounts on each PDS, a post, a room.
 * Safe to run again: accounts that exist are signed in to, records are put under fixed keys.
 * Not for: accounts of real people; the password is the same for all and printed on the terminal.
 * Source: ours, see appview/src/api/demo.ts for who reads the result.
 */
import { AtpAgent, XRPCError } from '@atproto/api';
import { systemClock } from '@dunlin/protocol/base/clock';

/** A demo account and where it lives. */
export interface DemoUser {
  readonly pds: string;
  readonly handle: string;
  readonly did: string;
  readonly password: string;
}

/** What the page shows; JSON of the file that APPVIEW_DEMO names. */
export interface DemoFile {
  /** AT-URI of the post that is reacted to. */
  readonly subject: string;
  /** AT-URI of the room. */
  readonly room: string;
  readonly users: readonly DemoUser[];
}

/** Where the demo is made. */
export interface DemoOptions {
  /** The two PDSes. */
  readonly pds: readonly [string, string];
  /** DID of the app view with its service id: the gateway of the room. */
  readonly gateway: string;
}

/** Good for accounts that hold nothing, on servers that only this machine reaches. */
const password = 'demo-password';
const names: readonly (readonly string[])[] = [['ada', 'ben'], ['cleo', 'dora']];
const postKey = '3lbdemopostaa';
const roomKey = '3lbdemorooma2';
const text = 'First light on the mudflats: a few thousand dunlin turning over the tide, all at once, like one bird. Which wader is yours?';

/** Makes the demo, or finds it as it was made before. @throws XRPCError when a server refuses */
export async function prepareDemo(options: DemoOptions): Promise<DemoFile> {
  const users: DemoUser[] = [];
  const agents: AtpAgent[] = [];
  for (const [index, pds] of options.pds.entries()) {
    for (const name of names[index] ?? []) {
      const agent = await signIn(pds, name);
      users.push({ pds, handle: agent.session?.handle ?? name, did: agent.assertDid, password });
      agents.push(agent);
    }
  }
  const [owner] = agents;
  const subject = await put(owner, 'app.bsky.feed.post', postKey, { text, langs: ['en'] });
  const room = await put(owner, 'app.dunlin.live.room', roomKey, {
    name: 'The hide',
    description: 'A room for people of both servers.',
    kind: 'app.dunlin.live.defs#chat',
    access: { $type: 'app.dunlin.live.room#public', anonymousRead: true },
    storage: 'repo',
    gateway: options.gateway,
    subject: { $type: 'app.dunlin.live.reaction#recordSubject', uri: subject },
  });
  return { subject, room, users };
}

/** Signs in under the server's own handle domain; makes the account when there is none. */
async function signIn(pds: string, name: string): Promise<AtpAgent> {
  const agent = new AtpAgent({ service: pds });
  const { data } = await agent.com.atproto.server.describeServer();
  const handle = `${name}${data.availableUserDomains[0] ?? '.test'}`;
  try {
    await agent.login({ identifier: handle, password });
  } catch (error) {
    if (!(error instanceof XRPCError) || error.status !== 401) throw error;
    await agent.createAccount({ handle, email: `${name}@example.com`, password });
  }
  return agent;
}

/** Puts a record unless it is there with the same values already, so that a restart writes nothing. */
async function put(agent: AtpAgent, collection: string, rkey: string, record: Record<string, unknown>): Promise<string> {
  const repo = agent.assertDid;
  const before = await agent.com.atproto.repo.getRecord({ repo, collection, rkey }).catch(() => null);
  const isSame = before !== null && Object.entries(record).every(([name, value]) => JSON.stringify(before.data.value[name]) === JSON.stringify(value));
  if (isSame) return before.data.uri;
  const createdAt = before?.data.value['createdAt'] ?? new Date(systemClock.nowMs()).toISOString();
  const { data } = await agent.com.atproto.repo.putRecord({ repo, collection, rkey, record: { $type: collection, ...record, createdAt } });
  return data.uri;
}
