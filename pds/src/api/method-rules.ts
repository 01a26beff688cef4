/**
 * Which methods an account may not let others call in its name, and which ones a plain app password may not.
 * Asked where service tokens are made: on request, and when a call is passed on. Names are compared without regard to case.
 * Not for what else OAuth clients may ask, which their scopes say. Source: lists of the reference PDS, and the first of the list, which is ours.
 */

/** The method by which an account moves in elsewhere, in lower case. */
export const createAccountMethod = 'com.atproto.server.createaccount';

/** Methods that change or show the account itself, in lower case: no service may call them on its behalf. */
const protectedMethods: ReadonlySet<string> = new Set([
  // Gives a DID another home for good; a token for it takes a mailed code (`identity/hosted-did.ts`).
  'app.dunlin.identity.updatehosteddid',
  'com.atproto.admin.sendemail',
  'com.atproto.identity.requestplcoperationsignature',
  'com.atproto.identity.signplcoperation',
  'com.atproto.identity.updatehandle',
  'com.atproto.server.activateaccount',
  'com.atproto.server.confirmemail',
  'com.atproto.server.createapppassword',
  'com.atproto.server.deactivateaccount',
  'com.atproto.server.getaccountinvitecodes',
  'com.atproto.server.getsession',
  'com.atproto.server.listapppasswords',
  'com.atproto.server.requestaccountdelete',
  'com.atproto.server.requestemailconfirmation',
  'com.atproto.server.requestemailupdate',
  'com.atproto.server.revokeapppassword',
  'com.atproto.server.updateemail',
]);

/** Tells whether a method is the account's own business, for which no service token is made. */
export function isProtectedMethod(nsid: string): boolean {
  return protectedMethods.has(nsid.toLowerCase());
}

/** Tells whether a method is closed to plain app passwords: private messages, and moving the account. */
export function isPrivilegedMethod(nsid: string): boolean {
  const method = nsid.toLowerCase();
  return method === createAccountMethod || method.startsWith('chat.bsky.');
}
