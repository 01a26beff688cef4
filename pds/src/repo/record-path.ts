/**
 * The place of a record in its repository, `collection/rkey`, and in the network, `at://did/collection/rkey`.
 * Not for checking NSIDs and keys: that is @atproto/syntax, at the edge.
 * Source: atproto.com/specs/at-uri-scheme.
 */
import { AtUri } from '@atproto/syntax';
import { invalidRequest } from '@dunlin/service/xrpc/errors';

/** A record's place within its repository. */
export interface RecordPlace {
  readonly collection: string;
  readonly rkey: string;
}

/** Splits `collection/rkey`; a path of ours has exactly one slash. */
export function splitPath(path: string): RecordPlace {
  const slash = path.indexOf('/');
  return { collection: path.slice(0, slash), rkey: path.slice(slash + 1) };
}

/** Gives the at:// URI of a record. */
export function recordUri(did: string, { collection, rkey }: RecordPlace): string {
  return `at://${did}/${collection}/${rkey}`;
}

/** Reads an at:// URI that names a record of a DID. @throws XrpcError 400 InvalidRequest */
export function parseRecordUri(text: string): RecordPlace & { did: string } {
  try {
    const { host, collection, rkey } = new AtUri(text);
    if (host.startsWith('did:') && collection !== '' && rkey !== '') return { did: host, collection, rkey };
  } catch {
    // Told below, in our own words.
  }
  throw invalidRequest('uri must name a record of a DID, such as at://did:plc:…/collection/key');
}
