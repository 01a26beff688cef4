/**
 * An old home and a new one that share a directory, and somebody who moves between them. What goes out of the new home can be spoilt.
 * Not for: the reference PDS as old home (tests/browser/move-in.test.ts). Source: ours.
 */
import { eventually } from '../../harness/wait.ts';
import type { PdsParts } from '../../../pds/src/wiring/stage.ts';
import { post, startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

/** Looks at a request of the new home; what it gives is the answer, null lets the request go out. */
export type Spoiler = (url: URL, init: RequestInit) => Promise<Response | null> | Response | null;

export interface TwoHomes {
  old: SmallPds;
  fresh: SmallPds;
  spoil: Spoiler | null;
  close(): Promise<void>;
}

/** Starts both; handles are under `.test` in the old one and `.example` in the new one. */
export async function startTwoHomes(environment: Record<string, string> = {}, moving: Pick<PdsParts, 'movePace' | 'moveTurnMs'> = {}): Promise<TwoHomes> {
  const old = await startSmallPds({ environment: { PDS_SERVICE_HANDLE_DOMAINS: '.test' } });
  const fresh = await startSmallPds({
    moving,
    environment: { PDS_SERVICE_HANDLE_DOMAINS: '.example', PDS_DID_PLC_URL: old.plc.url, ...environment },
    fetch: async (input, init = {}) => (await homes.spoil?.(new URL(String(input)), init)) ?? fetch(input, init),
  });
  const homes: TwoHomes = {
    old, fresh, spoil: null,
    async close() {
      await fresh.close();
      await old.close();
    },
  };
  return homes;
}

export const png = (text: string): Buffer => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(text)]);

/** Somebody with `files` pictures, as many posts, and a preference at the old home. */
export async function newMover({ old }: TwoHomes, name: string, { files = 3 } = {}): Promise<Person> {
  const person = await old.newPerson(name);
  for (let index = 0; index < files; index++) {
    const { data } = await person.agent.com.atproto.repo.uploadBlob(png(`${name} ${index}`), { encoding: 'image/png' });
    await person.agent.com.atproto.repo.createRecord({
      repo: person.did, collection: 'app.bsky.feed.post', record: { ...post(`post ${index}`), embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] } },
    });
  }
  await person.agent.app.bsky.actor.putPreferences({ preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }] });
  return person;
}

export interface Arrived {
  readonly token: string;
  /** Signs in anew: a server that started again on another port has another name. */
  signIn(): Promise<void>;
  /** Asks a method of the new home as the mover. */
  ask(method: string, body?: object): Promise<Answer>;
  status(): Promise<Record<string, unknown>>;
  /** Waits until the move is at a step in a state, and gives it. */
  reaches(step: string, state: string): Promise<Record<string, unknown>>;
}

/** Opens the account at the new home, as the page does it in the browser. */
export async function arrive({ old, fresh }: TwoHomes, person: Person, name: string, more: object = {}): Promise<Arrived> {
  const { did } = (await fresh.call('com.atproto.server.describeServer')).json;
  const auth = await old.call('com.atproto.server.getServiceAuth', { params: { aud: String(did), lxm: 'com.atproto.server.createAccount' }, token: person.token });
  const made = await fresh.call('com.atproto.server.createAccount', {
    body: { handle: `${name}.example`, did: person.did, email: `${name}@new.org`, password: 'new password', ...more }, token: String(auth.json['token']),
  });
  if (made.status !== 200) throw new Error(JSON.stringify(made.json));
  let token = String(made.json['accessJwt']);
  const ask = (method: string, body?: object): Promise<Answer> =>
    fresh.call(`app.dunlin.move.${method}`, { token, ...(method.startsWith('get') ? {} : { method: 'POST', ...(body && { body }) }) });
  const status = async (): Promise<Record<string, unknown>> => (await ask('getStatus')).json;
  return {
    get token() { return token; },
    async signIn() {
      const { json } = await fresh.call('com.atproto.server.createSession', { body: { identifier: person.did, password: 'new password' } });
      token = String(json['accessJwt']);
    },
    ask, status,
    async reaches(step, state) {
      let last: Record<string, unknown> = {};
      await eventually(`the move is at ${step}, ${state}`, async () => {
        last = await status();
        return last['step'] === step && last['state'] === state;
      }).catch((fault: unknown) => {
        throw new Error(`${(fault as Error).message}: ${JSON.stringify(last)}`);
      });
      return last;
    },
  };
}

/** The code the old home mailed, once it has. */
export async function codeAtOld({ old }: TwoHomes, did: string): Promise<string> {
  return await eventually('a code is mailed', async () => {
    const { json } = await old.call('app.dunlin.admin.listMailCodes', { headers: old.admin, params: { account: did } });
    return (json['codes'] as { code: string }[])[0]?.code;
  });
}
