/**
 * What those say whom this server depends on: each relay of the operator about us, and the mail servers whether they let us in.
 * Asked when the operator looks, all at once, each within ten seconds. Also asks relays to crawl, at the operator's word.
 * Not for requests to crawl that go out by themselves (`crawl/crawlers.ts`).
 * Source: lexicons com.atproto.sync.getHostStatus and requestCrawl.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { xrpcGet, xrpcPost } from '@dunlin/service/xrpc/call';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { Mailer } from '../mail/mailer.ts';

/** Longest wait for one of them, in ms. */
export const neighbourTimeoutMs = 10_000;

/** What a relay says of this server. */
export interface RelayWord {
  readonly relay: string;
  readonly status?: string;
  readonly seq?: number;
  readonly accountCount?: number;
  /** Why there is no answer, or what it refuses with. */
  readonly fault?: string;
}

/** How a mail server stands. */
export interface MailState {
  /** Whether letters are sent at all. */
  readonly isOn: boolean;
  /** What the mail server says when it does not let us in. */
  readonly fault?: string;
}

/** Asks neighbours. */
export class Neighbours {
  readonly #relays: readonly string[];
  readonly #server: ServerIdentity;
  readonly #mailer: Mailer;
  readonly #moderationMailer: Mailer;
  readonly #fetch: typeof globalThis.fetch;
  readonly #clock: Clock;

  /** `fetch` reaches services the operator named, which may be anywhere. */
  constructor(o: { relays: readonly string[]; server: ServerIdentity; mailer: Mailer; moderationMailer: Mailer; fetch: typeof globalThis.fetch; clock: Clock }) {
    this.#relays = o.relays;
    this.#server = o.server;
    this.#mailer = o.mailer;
    this.#moderationMailer = o.moderationMailer;
    this.#fetch = o.fetch;
    this.#clock = o.clock;
  }

  /** Relays of the operator. */
  get relays(): readonly string[] {
    return this.#relays;
  }

  /** Gives what every relay of the operator says of us. */
  askRelays(): Promise<RelayWord[]> {
    return Promise.all(this.#relays.map(async (relay) => {
      try {
        const answer = await xrpcGet('com.atproto.sync.getHostStatus', { hostname: this.#server.host }, this.#to(relay));
        const { status, seq, accountCount } = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
        return {
          relay,
          ...(typeof status === 'string' && { status: status.slice(0, 100) }),
          ...(Number.isSafeInteger(seq) && { seq: Number(seq) }),
          ...(Number.isSafeInteger(accountCount) && { accountCount: Number(accountCount) }),
        };
      } catch (fault) {
        return { relay, fault: sentenceOf(fault) };
      }
    }));
  }

  /** Asks relays to read this server; gives what each that did not take it says. */
  requestCrawl(relays: readonly string[]): Promise<RelayWord[]> {
    return Promise.all(relays.map(async (relay) => {
      try {
        await xrpcPost('com.atproto.sync.requestCrawl', { hostname: this.#server.host }, this.#to(relay));
        return { relay };
      } catch (fault) {
        return { relay, fault: sentenceOf(fault) };
      }
    }));
  }

  /** Looks whether the mail servers let us in. */
  async askMail(): Promise<{ mail: MailState; moderationMail: MailState }> {
    const isSame = this.#mailer === this.#moderationMailer;
    const mail = this.#stateOf(this.#mailer);
    const [codes, moderation] = await Promise.all([mail, isSame ? mail : this.#stateOf(this.#moderationMailer)]);
    return { mail: codes, moderationMail: moderation };
  }

  async #stateOf(mailer: Mailer): Promise<MailState> {
    const fault = mailer.isOn ? await mailer.test() : null;
    return { isOn: mailer.isOn, ...(fault !== null && { fault: fault.slice(0, 500) }) };
  }

  #to(relay: string): Parameters<typeof xrpcGet>[2] {
    return { fetch: this.#fetch, service: relay, timeoutMs: neighbourTimeoutMs, clock: this.#clock, maxBytes: 65_536 };
  }
}

function sentenceOf(fault: unknown): string {
  if (!(fault instanceof XrpcError)) throw fault;
  return fault.error === 'UpstreamFailure' ? fault.message : `${fault.error}: ${fault.message}`;
}
