/**
 * An account as the OAuth pages and tokens show it: names, address, standing, the name and picture of its profile.
 * Not the account of the rest of the PDS (`account/account.ts`). The picture is our own copy of the blob.
 * Source: Account of @atproto/oauth-provider-api; `pds` becomes the audience of tokens, as at the reference PDS.
 */
import type { Account as AccountCard } from '@atproto/oauth-provider/store';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { decode, type CborValue } from '@dunlin/protocol/data/cbor';
import { isCid } from '@dunlin/protocol/data/cid';
import type { Account } from '../account/account.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { RecordStore } from '../repo/record-store.ts';

/** Longest name that is shown, in characters. */
const maxNameLength = 100;

/** Makes cards. */
export class AccountCards {
  readonly #records: RecordStore;
  readonly #server: ServerIdentity;

  constructor(records: RecordStore, server: ServerIdentity) {
    this.#records = records;
    this.#server = server;
  }

  /** Gives the card of an account. */
  of(account: Account): AccountCard {
    const { did, handle, email } = account;
    return {
      did: did as AccountCard['did'],
      pds: this.#server.did as AccountCard['pds'],
      handle: handle as NonNullable<AccountCard['handle']>,
      deactivated: account.deactivatedAtMs !== null,
      ...(email !== null && { email, emailVerified: account.emailConfirmedAtMs !== null }),
      ...this.#profile(account),
    };
  }

  #profile({ id, did }: Account): Pick<AccountCard, 'name' | 'picture'> {
    const stored = this.#records.find(id, 'app.bsky.actor.profile', 'self');
    const profile = stored === null ? null : readMap(stored.bytes);
    if (profile === null) return {};
    const { displayName, avatar } = profile;
    const ref = isMap(avatar) ? avatar['ref'] : null;
    return {
      ...(typeof displayName === 'string' && displayName !== '' && { name: displayName.slice(0, maxNameLength) }),
      ...(isCid(ref) && { picture: `${this.#server.publicUrl}/xrpc/com.atproto.sync.getBlob?did=${encodeURIComponent(did)}&cid=${ref.toString()}` }),
    };
  }
}

function readMap(bytes: Uint8Array): { [key: string]: CborValue } | null {
  try {
    const value = decode(bytes);
    return isMap(value) ? value : null;
  } catch (fault) {
    if (fault instanceof ProtocolError) return null;
    throw fault;
  }
}

function isMap(value: CborValue | undefined): value is { [key: string]: CborValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !isCid(value);
}
