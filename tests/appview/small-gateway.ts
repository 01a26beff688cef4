/**
 * A gateway over a small index, with clients that are only lists of frames: time is set by hand, tokens are names.
 * Not for: sockets and real tokens (tests/appview/api).
 * Source: ours.
 */
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { LiveCounts } from '@dunlin/appview/reactions/live-counts';
import type { Frame } from '@dunlin/appview/rooms/frame';
import { Gateway } from '@dunlin/appview/rooms/gateway';
import { Lobby } from '@dunlin/appview/rooms/lobby';
import type { Session } from '@dunlin/appview/rooms/session';
import { countsView } from '@dunlin/appview/views/counts-view';
import { gatewayId, smallIndex, type SmallIndex } from './small-index.ts';

export type Body = Record<string, unknown> & { $type: string };

/** A client that keeps what it gets. */
export class Client {
  readonly session: Session;
  readonly frames: Body[] = [];
  closed: { code: number; reason: string } | null = null;
  /** What the client has not taken, in bytes; grows only while `isStuck`. */
  bufferedBytes = 0;
  isStuck = false;

  constructor(gateway: Gateway) {
    this.session = gateway.open(this, '192.0.2.1');
  }

  send(frame: Frame): void {
    const body = JSON.parse(frame.text) as Body;
    checkFrame(body);
    this.frames.push(body);
    if (this.isStuck) this.bufferedBytes += frame.wire.length;
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  say(body: Record<string, unknown>): void {
    this.session.receive(JSON.stringify(body));
  }

  /** Reads again: what was held comes. */
  unstick(): void {
    this.isStuck = false;
    this.bufferedBytes = 0;
    this.session.drained();
  }

  /** Frames of one type since last asked, taken away. */
  take(type: string): Body[] {
    const taken = this.frames.filter(({ $type }) => $type === type);
    this.frames.splice(0, this.frames.length, ...this.frames.filter(({ $type }) => $type !== type));
    return taken;
  }

  types(): string[] {
    return this.frames.map(({ $type }) => $type);
  }
}

const lexicons = loadLexicons();

/** Every frame must fit the lexicon. @throws when one does not */
export function checkFrame({ $type, ...body }: Body): void {
  const result = lexicons.validate(`app.dunlin.live.subscribe${$type}`, body);
  if (!result.success) throw new Error(`${$type} does not fit its lexicon: ${result.error.message} in ${JSON.stringify(body)}`);
}

export interface SmallGateway extends SmallIndex {
  gateway: Gateway;
  lobby: Lobby;
  counts: LiveCounts;
  quiet: string[];
  byes: string[];
  /** A client that has said who it is; null: a reader. */
  client(did: string | null): Promise<Client>;
  stranger(): Client;
  close(): void;
}

export function smallGateway(o: { maxSubjects?: number; maxRooms?: number } = {}): SmallGateway {
  const index = smallIndex();
  const { store, clock, feed } = index;
  const quiet: string[] = [];
  const byes: string[] = [];
  const counts = new LiveCounts({ clock, read: (subject) => countsView(subject, store.version, store.reactions.count(subject)), ...(o.maxSubjects === undefined ? {} : { maxSubjects: o.maxSubjects }) });
  const lobby = new Lobby({ store, clock, onQuiet: (why) => void quiet.push(why), ...(o.maxRooms === undefined ? {} : { maxRooms: o.maxRooms }) });
  const tokens = {
    check: (token: string) => Promise.resolve(token.startsWith('did:') ? { did: token } : { error: `no good: ${token}`, isOurFault: token === 'down' }),
  };
  const gateway = new Gateway({ store, lobby, counts, tokens, lexicons, gatewayId: () => gatewayId, clock, onBye: (reason) => void byes.push(reason) });
  feed.listen((changes) => gateway.changed(changes));
  return {
    ...index, gateway, lobby, counts, quiet, byes,
    stranger: () => new Client(gateway),
    async client(did) {
      const client = new Client(gateway);
      client.say({ $type: '#auth', ...(did === null ? {} : { token: did }) });
      await Promise.resolve();
      await Promise.resolve();
      if (client.take('#hello').length !== 1) throw new Error('no hello');
      return client;
    },
    close() {
      gateway.close();
      counts.close();
      store.close();
    },
  };
}
