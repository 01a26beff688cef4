/**
 * Devices (a browser with our cookie) and which accounts are signed in on each.
 * A sign-in may be for a short while only (`endsAtMs`); one that is over is as if it had never been.
 * Not for cookies, which the provider sets and reads. Source: DeviceStore and AccountStore of @atproto/oauth-provider.
 */
import type { DeviceData, DeviceId, DeviceStore, SessionId } from '@atproto/oauth-provider/store';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';

/** Longest User-Agent that is kept, in characters. */
const maxUserAgentLength = 512;

/** Most accounts signed in on one device; the one used longest ago makes place. */
export const maxAccountsPerDevice = 20;

interface DeviceRow {
  id: string;
  session_id: string;
  user_agent: string | null;
  ip_address: string;
  last_seen_at: number;
}

type SignInRow = DeviceRow & { account: number; created_at: number; updated_at: number };

/** So many new devices call for upkeep before its time. */
export const devicesBeforeUpkeep = 10_000;

/** An account that is signed in on a device. */
export interface SignedIn {
  readonly accountId: number;
  readonly deviceId: DeviceId;
  readonly device: DeviceData;
  readonly createdAt: Date;
  /** When the person last proved who they are on this device. */
  readonly updatedAt: Date;
}

function toDevice(row: DeviceRow): DeviceData {
  return { sessionId: row.session_id as SessionId, userAgent: row.user_agent, ipAddress: row.ip_address, lastSeenAt: new Date(row.last_seen_at) };
}

function toSignedIn(row: SignInRow): SignedIn {
  return { accountId: row.account, deviceId: row.id as DeviceId, device: toDevice(row), createdAt: new Date(row.created_at), updatedAt: new Date(row.updated_at) };
}

const signIns = `
  SELECT oauth_device.*, account, oauth_device_account.created_at, oauth_device_account.updated_at
  FROM oauth_device_account JOIN oauth_device ON oauth_device.id = device
  WHERE (ends_at IS NULL OR ends_at > ?)`;

/** Devices in the database. Reads are at once, writes resolve when they are durable. */
export class OAuthDevices implements DeviceStore {
  readonly #accounts: Pick<AccountStore, 'isOfPresentEra'>;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #onMany: () => void;
  #created = 0;
  readonly #find: Statement<[string], DeviceRow>;
  readonly #insert: Statement<[string, string, string | null, string, number], unknown>;
  readonly #update: Statement<[string | null, string | null, string | null, number | null, string], unknown>;
  readonly #delete: Statement<[string], unknown>;
  readonly #signIn: Statement<[string, number, number, number, number | null], unknown>;
  readonly #trim: Statement<[string, string, number], unknown>;
  readonly #signOut: Statement<[string, number], unknown>;
  readonly #signOutAll: Statement<[number], unknown>;
  readonly #ofDevice: Statement<[number, string], SignInRow>;
  readonly #ofAccount: Statement<[number, number], SignInRow>;
  readonly #one: Statement<[number, string, number], SignInRow>;

  /** `onMany` is called at every so many new devices. */
  constructor(database: Database, o: { accounts: Pick<AccountStore, 'isOfPresentEra'>; groups: GroupCommit; clock: Clock; onMany: () => void }) {
    this.#accounts = o.accounts;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#onMany = o.onMany;
    this.#find = database.prepare('SELECT * FROM oauth_device WHERE id = ?');
    this.#insert = database.prepare('INSERT INTO oauth_device (id, session_id, user_agent, ip_address, last_seen_at) VALUES (?, ?, ?, ?, ?)');
    this.#update = database.prepare(`UPDATE oauth_device SET session_id = coalesce(?, session_id), user_agent = coalesce(?, user_agent),
      ip_address = coalesce(?, ip_address), last_seen_at = coalesce(?, last_seen_at) WHERE id = ?`);
    this.#delete = database.prepare('DELETE FROM oauth_device WHERE id = ?');
    this.#signIn = database.prepare(`INSERT INTO oauth_device_account (device, account, created_at, updated_at, ends_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET updated_at = excluded.updated_at, ends_at = excluded.ends_at`);
    this.#trim = database.prepare(`DELETE FROM oauth_device_account WHERE device = ? AND account IN
      (SELECT account FROM oauth_device_account WHERE device = ? ORDER BY updated_at DESC LIMIT -1 OFFSET ?)`);
    this.#signOut = database.prepare('DELETE FROM oauth_device_account WHERE device = ? AND account = ?');
    this.#signOutAll = database.prepare('DELETE FROM oauth_device_account WHERE account = ?');
    this.#ofDevice = database.prepare(`${signIns} AND device = ? ORDER BY oauth_device_account.updated_at DESC`);
    this.#ofAccount = database.prepare(`${signIns} AND account = ? ORDER BY oauth_device_account.updated_at DESC LIMIT 100`);
    this.#one = database.prepare(`${signIns} AND device = ? AND account = ?`);
  }

  async createDevice(deviceId: DeviceId, { sessionId, userAgent, ipAddress, lastSeenAt }: DeviceData): Promise<void> {
    await this.#groups.write(() => this.#insert.run(deviceId, sessionId, cut(userAgent), ipAddress, lastSeenAt.getTime()));
    if (++this.#created % devicesBeforeUpkeep === 0) this.#onMany();
  }

  readDevice(deviceId: DeviceId): DeviceData | null {
    const row = this.#find.get(deviceId);
    return row ? toDevice(row) : null;
  }

  async updateDevice(deviceId: DeviceId, { sessionId, userAgent, ipAddress, lastSeenAt }: Partial<DeviceData>): Promise<void> {
    await this.#groups.write(() => this.#update.run(sessionId ?? null, cut(userAgent ?? null), ipAddress ?? null, lastSeenAt?.getTime() ?? null, deviceId));
  }

  async deleteDevice(deviceId: DeviceId): Promise<void> {
    await this.#groups.write(() => this.#delete.run(deviceId));
  }

  /**
   * Notes that an account, as it was when its person proved who they are, signed in on a device just now; with `lifeMs` only for so long.
   * @throws XrpcError 401 SignInAgain when all its sessions were ended since
   */
  async signIn(deviceId: DeviceId, account: Pick<Account, 'id' | 'sessionEra'>, lifeMs: number | null = null): Promise<void> {
    const { id: accountId } = account;
    const nowMs = this.#clock.nowMs();
    await this.#groups.write(() => {
      if (!this.#accounts.isOfPresentEra(account)) throw new XrpcError(401, 'SignInAgain', 'all sessions of the account were ended meanwhile, sign in again');
      this.#signIn.run(deviceId, accountId, nowMs, nowMs, lifeMs === null ? null : nowMs + lifeMs);
      this.#trim.run(deviceId, deviceId, maxAccountsPerDevice);
    });
  }

  /** Signs an account out on one device. */
  async signOut(deviceId: DeviceId, accountId: number): Promise<void> {
    await this.#groups.write(() => this.#signOut.run(deviceId, accountId));
  }

  /** Signs an account out on every device; called within a group. */
  signOutEverywhere(accountId: number): void {
    this.#signOutAll.run(accountId);
  }

  /** Gives the accounts signed in on a device, the latest first. */
  onDevice(deviceId: DeviceId): SignedIn[] {
    return this.#ofDevice.all(this.#clock.nowMs(), deviceId).map(toSignedIn);
  }

  /** Gives the devices an account is signed in on, the latest first, at most 100. */
  ofAccount(accountId: number): SignedIn[] {
    return this.#ofAccount.all(this.#clock.nowMs(), accountId).map(toSignedIn);
  }

  /** Gives one sign-in, or null. */
  signedIn(deviceId: DeviceId, accountId: number): SignedIn | null {
    const row = this.#one.get(this.#clock.nowMs(), deviceId, accountId);
    return row ? toSignedIn(row) : null;
  }
}

function cut(userAgent: string | null): string | null {
  return userAgent?.slice(0, maxUserAgentLength) ?? null;
}
