/**
 * Why a message is not passed on: one name for each failure, used as verdict, metric label and word to the host's operator.
 * Listed in the order in which a relay looks; the first that applies is given. Reasons found by bytes alone come from
 * repo/envelope, repo/verify-commit and repo/verify-sync, the others from who knows hosts and accounts.
 * Source: ours after the validation checklist of atproto.com/specs/sync; proposal 0006.
 */

/** Every reason with what it says of the message. */
export const dropReasons = {
  frameTooBig: 'The message is larger than 5,000,000 bytes.',
  notBinary: 'The message is text; event streams are binary.',
  badFrame: 'The message is not two canonical DAG-CBOR maps with a known op, or a known field has the wrong type.',
  unknownKind: 'The kind of message is not one this version knows; it is passed by and the connection stays.',
  seqNotIncreasing: 'The seq is not above the one before on this connection.',
  missingField: 'A field that the lexicon requires is absent.',
  badDid: 'The account is not a DID.',
  badRev: 'The rev is not a TID.',
  badSince: 'since is not a TID, or not older than the rev.',
  badTime: 'time is not a datetime.',
  badStatus: 'An account is called active and inactive at once.',
  tooManyOps: 'The commit has more than 200 operations.',
  badPath: 'The path of an operation is not an NSID, a slash and a record key.',
  duplicatePath: 'Two operations of the commit name the same path.',
  noBlocks: 'blocks is empty.',
  blocksTooBig: 'blocks is larger than 2,000,000 bytes in a #commit, or 10,000 in a #sync.',
  tooBigFlag: 'tooBig is true: the blocks were left out.',
  rebaseFlag: 'rebase is true: the history was rewritten.',
  unknownAccount: 'The DID does not exist, is a tombstone, or its document names no PDS or no signing key.',
  wrongHost: 'The DID document names another PDS than the host that sent this.',
  bannedHost: 'It came through another relay, and the operator refuses the PDS of the account.',
  throttled: 'The account is new and its host has reached its limit of accounts.',
  inactive: 'The account is deactivated, suspended, taken down or deleted.',
  revNotNewer: 'The rev is not newer than the last one that was accepted.',
  duplicate: 'It was passed on before: it was heard from the host and from another relay, or from two relays.',
  notConfirmed: 'Another relay says that the status of the account has changed, and its host does not say so.',
  revInFuture: 'The rev lies more than five minutes in the future.',
  badCar: 'blocks is not a CAR v1 of DAG-CBOR blocks.',
  rootMismatch: 'The root of the CAR is not the commit that the event names.',
  blockTooBig: 'A block is larger than 1,000,000 bytes.',
  badBlockHash: 'A block does not hash to its CID.',
  notCanonical: 'A block is not canonical DAG-CBOR.',
  badCommit: 'The commit block is absent, or not a signed commit object of version 3.',
  didMismatch: 'The commit object belongs to another account than the event.',
  revMismatch: 'The commit object has another rev than the event.',
  unresolvable: 'The DID could not be resolved for so long that the event was given up.',
  badSignature: 'The signature of the commit is not that of the signing key in the DID document.',
  badOps: 'An operation is malformed: create has cid and no prev, update cid and prev, delete a null cid and prev.',
  missingBlock: 'A block that is needed to check the operations is absent.',
  badMst: 'A node of the tree is malformed.',
  opMismatch: 'The tree does not hold what an operation says.',
  noPrevData: 'prevData is absent though this is not the first commit of the account.',
  inversionFailed: 'The tree with the operations undone is not the tree that prevData names; without prevData, not the empty tree.',
  sinceMismatch: 'since is not the last rev that was accepted, and the operator asked for unbroken chains.',
  prevDataMismatch: 'prevData is not the last tree that was accepted, and the operator asked for unbroken chains.',
  rateLimited: 'The account sent more events of this kind than one account may.',
  queueFull: 'The account has more events waiting than one account may.',
} as const;

/** One of the reasons. */
export type DropReason = keyof typeof dropReasons;

/** A no: the reason, and the values that make it plain; never a secret or what is in a record. */
export interface Refusal {
  readonly accepted: false;
  readonly reason: DropReason;
  readonly detail: string;
}

/** Gives a no. */
export function refuse(reason: DropReason, detail: string): Refusal {
  return { accepted: false, reason, detail };
}
