/**
 * Servers as the pages see them: where an account lives, and what a server says of itself.
 * The look-up of who lives where is this server's; a server is asked by the browser itself.
 * Source: com.atproto.identity.resolveIdentity, com.atproto.server.describeServer.
 */
import { AnswerError, ask } from './page.ts';

/** Where an account lives. */
export interface Home {
  readonly did: string;
  /** `handle.invalid` when it does not point back. */
  readonly handle: string;
  /** Address of its server. */
  readonly origin: string;
}

/** What a server says of itself. */
export interface ServerView {
  readonly did: string;
  readonly availableUserDomains: readonly string[];
  readonly inviteCodeRequired?: boolean;
}

interface Document {
  readonly service?: readonly { readonly id: string; readonly serviceEndpoint: unknown }[];
}

/** Finds the home of a handle or a DID, as of now where `isFresh`. @throws AnswerError, Error */
export async function findHome(typed: string, { isFresh = false } = {}): Promise<Home> {
  const identifier = typed.trim().replace(/^@/, '');
  const { did, handle, didDoc } = (isFresh
    ? await ask('/xrpc/com.atproto.identity.refreshIdentity', { body: { identifier } })
    : await ask(`/xrpc/com.atproto.identity.resolveIdentity?${new URLSearchParams({ identifier }).toString()}`)) as { did: string; handle: string; didDoc: Document };
  const endpoint = didDoc.service?.find(({ id }) => id === '#atproto_pds' || id === `${did}#atproto_pds`)?.serviceEndpoint;
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) throw new Error('this account names no server as its home');
  return { did, handle, origin: new URL(endpoint).origin };
}

/**
 * Asks a server what it is, where its DID is to be named in a token: it must be the did:web of its address, or a DID whose document names
 * that address. Else a token for it could be shown to another server, which the DID names.
 * @throws AnswerError, Error with a sentence
 */
export async function describeAddressed(origin: string): Promise<ServerView> {
  const view = await describe(origin);
  const { host } = new URL(origin);
  if (view.did === `did:web:${host.replace(':', '%3A')}` || (await isServerOf(view.did, origin))) return view;
  throw new Error(`${host} calls itself ${view.did}, which is another server's name. A token for it could be misused, so none is made: ask its operator to put this right`);
}

async function isServerOf(did: string, origin: string): Promise<boolean> {
  try {
    const { didDoc } = (await ask(`/xrpc/com.atproto.identity.resolveDid?${new URLSearchParams({ did }).toString()}`)) as { didDoc: Document };
    return didDoc.service?.some(({ serviceEndpoint }) => typeof serviceEndpoint === 'string' && URL.canParse(serviceEndpoint) && new URL(serviceEndpoint).origin === origin) ?? false;
  } catch (fault) {
    if (fault instanceof AnswerError) return false;
    throw fault;
  }
}

/** Asks a server what it is; '' is this one. @throws AnswerError */
export async function describe(origin: string): Promise<ServerView> {
  const view = (await ask(`${origin}/xrpc/com.atproto.server.describeServer`)) as Partial<ServerView>;
  if (typeof view.did !== 'string') throw new Error('there is no such server at this address');
  return { ...view, did: view.did, availableUserDomains: view.availableUserDomains ?? [] };
}
