/**
 * Reads what a caller names: subjects and rooms in any spelling become the normal form the index knows.
 * A handle in an AT-URI is looked up here, at the edge; the index itself holds DIDs only.
 * Source: ours, see reactions/subject-uri.ts.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { normalSubject } from '../reactions/subject-uri.ts';

/** Gives the normal form of a subject. @throws XrpcError 400 InvalidSubject */
export async function subjectParam(resolver: IdentityResolver, text: string): Promise<string> {
  const subject = normalSubject(await withDid(resolver, text));
  if (subject === null) throw invalidRequest('subject is no record, page or external id that can be reacted to', 'InvalidSubject');
  return subject.uri;
}

/** Gives the AT-URI of a room with a DID in it; one that is no room is simply not found later. */
export async function roomParam(resolver: IdentityResolver, text: string): Promise<string> {
  return normalSubject(await withDid(resolver, text))?.uri ?? text;
}

async function withDid(resolver: IdentityResolver, text: string): Promise<string> {
  const match = /^at:\/\/((?!did:)[^/?#]+)(.*)$/.exec(text);
  if (match === null) return text;
  const did = await resolver.resolveHandle(match[1]);
  return did === null ? text : `at://${did}${match[2]}`;
}
