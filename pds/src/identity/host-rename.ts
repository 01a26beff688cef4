/**
 * Moves accounts to the server's new host name: their DID documents get the new endpoint and, when wished for, the handle under the new
 * domain; the network is told of each. A few accounts a call, oldest first, at a pace; what was cut off goes on where it was.
 * Order for each account: directory first, since the network believes the document; then handle, event and progress in one transaction
 * (`identity-changes.ts`). If that is cut off in between, the next run finds the document right and does the rest. Accounts that live elsewhere, whose DIDs this
 * server has no key of, or who write their documents themselves are told of and left; so is a handle that an owner wrote into the document
 * and that is none of this server's. Not here: HTTP. Source: ours, decisions/0025.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseServiceOrigin, type DidDocument } from '@dunlin/protocol/identity/did-document';
import type { PlcSubmission } from '@dunlin/protocol/identity/did-plc';
import type { PlcState } from '@dunlin/protocol/identity/plc-operation';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import { judgeHandle } from '../account/handle-rules.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import type { HostedDids } from './hosted-dids.ts';
import type { IdentityChanges } from './identity-changes.ts';
import { withHandle, type PlcClient } from './plc-client.ts';
import type { RenameStore } from './rename-store.ts';
import type { ServerIdentity } from './server-identity.ts';

/** What is to be renamed to what. */
export interface WantedRename {
  /** Host names, in development with the port. */
  readonly from: string;
  readonly to: string;
  /** Domains of handles, each with a leading dot; null leaves handles as they are. */
  readonly handles: { readonly from: string; readonly to: string } | null;
  /** True changes nothing and tells what would be done. */
  readonly isDryRun: boolean;
  /** Accounts a second. */
  readonly perSecond: number;
}

/**
 * What came of an account: it was changed (or would be), was changed before, writes its document itself, has one of its own that cannot be
 * read now, lives elsewhere, has no key of ours, has an ended DID, or the directory refused.
 */
export type RenameOutcome = 'changed' | 'wouldChange' | 'done' | 'ownDocument' | 'unreachable' | 'elsewhere' | 'noKey' | 'ended' | 'refused';

/** An account and what came of it. */
export interface RenamedAccount {
  readonly did: string;
  readonly handle: string;
  readonly outcome: RenameOutcome;
  /** The handle it has now, or would have, when that is another. */
  readonly newHandle?: string;
  readonly detail?: string;
}

/** What one call did. */
export interface RenamePage {
  readonly accounts: readonly RenamedAccount[];
  /** Id of the last account this call went through; null at the end. */
  readonly cursor: number | null;
  /** Why it stopped early: the directory cannot be reached. Null when it did not. */
  readonly fault: string | null;
}

/** The handle an account has, the one it is to have, and why it keeps the first when it was to have another. */
interface Names {
  readonly before: string;
  readonly after: string;
  readonly note: string | null;
}

type Verdict = { readonly kind: 'change' | 'right' | 'ended' } | { readonly kind: 'elsewhere' | 'noKey'; readonly detail: string };

/** Renames. */
export class HostRename {
  readonly #accounts: AccountStore;
  readonly #renames: RenameStore;
  readonly #hosted: Pick<HostedDids, 'follows' | 'isHeld'>;
  readonly #changes: IdentityChanges;
  readonly #plc: PlcClient;
  readonly #resolver: IdentityResolver;
  readonly #server: ServerIdentity;
  readonly #domains: readonly string[];
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;
  readonly #clock: Clock;
  #isRunning = false;

  /** `domains` are this server's, each with a leading dot. */
  constructor(o: {
    accounts: AccountStore; renames: RenameStore; hosted: Pick<HostedDids, 'follows' | 'isHeld'>; identityChanges: IdentityChanges; plc: PlcClient; resolver: IdentityResolver;
    server: ServerIdentity; domains: readonly string[]; groups: GroupCommit; sequencer: Sequencer; clock: Clock;
  }) {
    this.#accounts = o.accounts;
    this.#renames = o.renames;
    this.#hosted = o.hosted;
    this.#changes = o.identityChanges;
    this.#plc = o.plc;
    this.#resolver = o.resolver;
    this.#server = o.server;
    this.#domains = o.domains;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
    this.#clock = o.clock;
  }

  /** Goes through up to `limit` accounts after an id. @throws XrpcError 400 HostNotHere, InvalidRequest, RenameRunning */
  async run(wanted: WantedRename, o: { after: number; limit: number; signal: AbortSignal }): Promise<RenamePage> {
    this.#check(wanted);
    if (this.#isRunning) throw invalidRequest('another call is renaming at this moment', 'RenameRunning');
    this.#isRunning = true;
    try {
      return await this.#page(wanted, o);
    } finally {
      this.#isRunning = false;
    }
  }

  #check({ from, to, handles, isDryRun }: WantedRename): void {
    if (from === to) throw invalidRequest('from and to are the same host');
    if (parseServiceOrigin(this.#server.urlOf(from)) === null || parseServiceOrigin(this.#server.urlOf(to)) === null) throw invalidRequest('from and to must be host names');
    if (isDryRun) return;
    if (to !== this.#server.host) throw invalidRequest(`this server is ${this.#server.host}: start it with PDS_HOSTNAME=${to} first`, 'HostNotHere');
    if (handles !== null && !this.#domains.includes(handles.to)) throw invalidRequest(`handles are not given under ${handles.to} here: see PDS_SERVICE_HANDLE_DOMAINS`);
  }

  async #page(wanted: WantedRename, { after, limit, signal }: { after: number; limit: number; signal: AbortSignal }): Promise<RenamePage> {
    const found = this.#accounts.search('', after, limit);
    const accounts: RenamedAccount[] = [];
    let cursor = after;
    for (const account of found) {
      try {
        const renamed = await this.#account(wanted, account);
        accounts.push(renamed);
        if (renamed.outcome !== 'done') await this.#clock.sleep(1_000 / wanted.perSecond, signal);
      } catch (fault) {
        if (signal.aborted) return { accounts, cursor, fault: null };
        if (fault instanceof XrpcError && fault.status >= 500) return { accounts, cursor, fault: fault.message };
        throw fault;
      }
      cursor = account.id;
    }
    return { accounts, cursor: found.length < limit ? null : cursor, fault: null };
  }

  async #account(wanted: WantedRename, account: Account): Promise<RenamedAccount> {
    const { id, did, handle } = account;
    const named = { did, handle };
    if (this.#renames.isDone(id, wanted.to)) return { ...named, outcome: 'done' };
    const names = this.#namesFor(account, wanted);
    if (!did.startsWith('did:plc:') && !this.#hosted.follows(did)) return this.#ownDocument(wanted, account);
    const shown = { ...named, ...(names.after !== handle && { newHandle: names.after }), ...(names.note !== null && { detail: names.note }) };
    // A document that is written here has the new address already, and follows the handle.
    const verdict = this.#hosted.follows(did) ? ({ kind: 'right' } as const) : this.#judge(await this.#plc.findState(did), wanted, names);
    if (verdict.kind === 'ended') return { ...named, outcome: 'ended' };
    if (verdict.kind === 'elsewhere' || verdict.kind === 'noKey') return { ...named, outcome: verdict.kind, detail: verdict.detail };
    if (wanted.isDryRun) return { ...shown, outcome: 'wouldChange' };
    if (verdict.kind === 'change') {
      const answer = await this.#change(account, wanted, names);
      if (!answer.accepted && answer.status === 429) throw new XrpcError(503, 'UpstreamFailure', `did:plc directory asks for patience: ${answer.message}`);
      return answer.accepted ? { ...shown, outcome: 'changed' } : { ...named, outcome: 'refused', detail: `status=${answer.status} ${answer.message}` };
    }
    await this.#finish(account, wanted.to, names.after);
    return { ...shown, outcome: 'changed' };
  }

  #change(account: Account, wanted: WantedRename, names: Names): Promise<PlcSubmission> {
    const { id, did, handle } = account;
    return this.#changes.change(account, {
      ...(names.after !== handle && { handle: names.after }),
      operation: (now) => {
        if (now.handle !== handle) throw new XrpcError(503, 'UpstreamFailure', `${did} changed its handle meanwhile`);
        return this.#plc.sign(did, (state) => (this.#judge(state, wanted, names).kind === 'change' ? this.#changed(state, wanted, names) : state));
      },
      alongside: () => this.#renames.finish(id, wanted.to, this.#clock.nowMs()),
    });
  }

  /** Says whether a document is to be changed: it names the old host, and this server's key may change it. */
  #judge(state: PlcState | null, wanted: WantedRename, names: Names): Verdict {
    if (state === null) return { kind: 'ended' };
    const { services, rotationKeys, alsoKnownAs } = state;
    const [from, to] = [this.#server.urlOf(wanted.from), this.#server.urlOf(wanted.to)];
    const endpoint = services['atproto_pds']?.endpoint ?? 'none';
    const origin = parseServiceOrigin(endpoint);
    if (origin === to && this.#aliases(alsoKnownAs, wanted, names) === alsoKnownAs) return { kind: 'right' };
    if (origin !== from && origin !== to) return { kind: 'elsewhere', detail: `its document names ${endpoint}` };
    if (!rotationKeys.includes(this.#plc.rotationKey)) return { kind: 'noKey', detail: 'this server\'s rotation key is not among those of the DID: the person must change the endpoint' };
    return { kind: 'change' };
  }

  #changed(state: PlcState, wanted: WantedRename, names: Names): PlcState {
    const service = { type: 'AtprotoPersonalDataServer', endpoint: this.#server.urlOf(wanted.to) };
    return { ...state, alsoKnownAs: this.#aliases(state.alsoKnownAs, wanted, names), services: { ...state.services, atproto_pds: service } };
  }

  /** Gives the names a document is to have: its own when the handle there is right, or one the owner wrote that is none of this server's. */
  #aliases(alsoKnownAs: readonly string[], { handles }: WantedRename, { before, after }: Names): readonly string[] {
    const named = alsoKnownAs[0]?.startsWith('at://') === true ? alsoKnownAs[0].slice('at://'.length) : null;
    const domains = handles === null ? this.#domains : [...this.#domains, handles.from, handles.to];
    if (named === after || (named !== null && named !== before && !domains.some((domain) => named.endsWith(domain)))) return alsoKnownAs;
    return withHandle(alsoKnownAs, after);
  }

  /** Its owner writes the document: the network is told again once it is right, else the owner must be told what to change. */
  async #ownDocument({ to, isDryRun }: WantedRename, account: Account): Promise<RenamedAccount> {
    const { did, handle } = account;
    const url = this.#server.urlOf(to);
    let document: DidDocument | null;
    try {
      document = await this.#resolver.resolveDid(did, { refresh: true });
    } catch (fault) {
      // Its host is in trouble; what is in the document nobody knows. Any other fault is ours.
      if (fault instanceof ProtocolError) return { did, handle, outcome: 'unreachable', detail: `its document cannot be read now (${fault.message}); run this again` };
      throw fault;
    }
    if (document?.pdsUrl !== url) {
      const now = document === null ? 'there is no document now' : `it is ${document.pdsUrl ?? 'missing'}`;
      return { did, handle, outcome: 'ownDocument', detail: `serviceEndpoint of #atproto_pds in its document must become ${url} (${now}); run this again then` };
    }
    if (isDryRun) return { did, handle, outcome: 'wouldChange' };
    await this.#finish(account, to, handle);
    return { did, handle, outcome: 'changed' };
  }

  #namesFor({ id, did, handle }: Account, { handles }: WantedRename): Names {
    const kept = (why: string | null): Names => ({ before: handle, after: handle, note: why === null ? null : `keeps its handle: ${why}` });
    if (handles === null || !handle.endsWith(handles.from)) return kept(null);
    const wanted = handle.slice(0, -handles.from.length) + handles.to;
    const holder = this.#accounts.byHandle(wanted);
    if ((holder !== null && holder.id !== id) || this.#hosted.isHeld(wanted, did) || this.#changes.isHeld(wanted, did)) return kept(`${wanted} is taken`);
    const verdict = judgeHandle(wanted, { domains: [handles.to], allowReserved: true });
    return verdict.kind === 'local' ? { before: handle, after: verdict.handle, note: null } : kept(`${wanted} is none`);
  }

  async #finish({ id, did, handle: before }: Account, host: string, handle: string): Promise<void> {
    await this.#groups.write(() => {
      // It may have been deleted, or renamed by its owner, meanwhile.
      const now = this.#accounts.byId(id);
      if (now === null) return;
      if (handle !== before && now.handle === before && this.#accounts.byHandle(handle) === null && !this.#changes.isHeld(handle, did)) this.#accounts.setHandle(id, handle);
      this.#renames.finish(id, host, this.#clock.nowMs());
      this.#sequencer.stage(id, { kind: 'identity', did, handle: this.#accounts.byId(id)?.handle ?? handle });
    });
    this.#resolver.invalidate(did);
    this.#resolver.invalidateHandle(before);
    this.#resolver.invalidateHandle(handle);
  }
}
