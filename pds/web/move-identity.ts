/**
 * The person's turn in a move: their DID is made to name this server. For a did:plc with the code the old server mails, and a recovery
 * key of their own if they like; for a did:web by what they write into their own document.
 * Source: ours; app.dunlin.move.getIdentity, requestCode, changeIdentity.
 */
import { oldSignInForm } from './arrival-parts.ts';
import { documentText, identityTable, type PlannedIdentity } from './identity-view.ts';
import { keyChoice } from './key-choice.ts';
import type { Again, MoveStatus } from './move-status.ts';
import { AnswerError, button, codeMailed, element, field, form } from './page.ts';
import type { Session } from './sign-in.ts';

/** How long the page waits between looks at what came of a check. */
const lookAgainMs = 300;

interface Identity extends PlannedIdentity {
  readonly method: 'plc' | 'web' | 'hostedWeb';
  readonly newest?: string;
}

/** Asks this server in the person's name. */
type Caller = Pick<Session, 'call'>;

/** Shows what is to be done, as soon as it is known. */
export function identityPart(status: MoveStatus, session: Session, again: Again): HTMLElement {
  const place = element('div');
  const part = element('section', { id: 'identity' }, element('h2', {}, 'Your turn: say that you live here'), place);
  const load = async (): Promise<void> => {
    const identity = (await session.read('app.dunlin.move.getIdentity')) as Identity;
    place.replaceChildren(...(identity.method === 'web' ? documentParts(status, identity, { session, again }) : codeParts(status, identity, { session: asking, again })));
  };
  const retry = button('Look again', { id: 'look-again' }, load);
  /** The sign-in at the old server runs out while the person lets this wait; they sign in there anew. */
  const offerWayOn = (fault: unknown): never => {
    const { did, origin } = status;
    if (fault instanceof AnswerError && fault.error === 'OldSessionOver' && origin !== undefined) {
      place.replaceChildren(element('p', { role: 'alert' }, fault.message), oldSignInForm({ did, origin }, async ({ tokens: { accessJwt, refreshJwt } }) => {
        await session.call('app.dunlin.move.begin', { accessJwt, refreshJwt });
        await load();
      }));
    }
    // Whoever signs must have seen what is signed.
    if (fault instanceof AnswerError && fault.error === 'IdentityChanged') place.replaceChildren(element('p', { role: 'alert' }, fault.message), retry);
    throw fault;
  };
  const asking: Caller = { call: (nsid, body) => session.call(nsid, body).catch(offerWayOn) };
  load().catch(offerWayOn).catch((fault: unknown) => {
    if (place.querySelector('#old-sign-in') === null) place.replaceChildren(element('p', { role: 'alert' }, fault instanceof Error ? fault.message : 'something went wrong'), retry);
  });
  return part;
}

function codeParts({ did, handle, origin = '' }: MoveStatus, identity: Identity, { session, again }: { session: Caller; again: Again }): HTMLElement[] {
  const host = new URL(origin).host;
  const table = identityTable(identity, host);
  let ownKey: string | null = null;
  const keyPlace = element('div', { class: 'box' }, element('p', {}, 'Recommended: a recovery key of your own. With it you can leave even a server that is gone or turns against you.'));
  keyPlace.append(...keyChoice({ did, handle }, (didKey) => {
    ownKey = didKey;
    table.setOwnKey(didKey);
    return [element('p', {}, 'It is added together with the change below.')];
  }));
  const change = form({ id: 'change-identity' }, async ({ token = '' }) => {
    await session.call('app.dunlin.move.changeIdentity', { token: token.trim(), ...(identity.method === 'plc' && { keptKeys: table.keptKeys(), newest: identity.newest }), ...(ownKey !== null && { recoveryKey: ownKey }) });
    await again();
  }, field('Code from the mail', { name: 'token', autocomplete: 'one-time-code', autocapitalize: 'none', spellcheck: 'false' }), element('button', {}, 'Move my identity here'));
  change.hidden = true;
  const said = element('p', { role: 'status', id: 'code-mailed' });
  return [
    element('p', {}, `Everything has come. Now ${host} is asked to ${identity.method === 'plc' ? 'sign' : 'say'} that your account lives here; it mails you a code for that.`),
    ...table.parts,
    ...(identity.method === 'plc' ? [keyPlace] : []),
    element('p', {}, button('Mail me the code', { id: 'mail-code' }, async () => {
      table.keptKeys();
      await session.call('app.dunlin.move.requestCode');
      said.textContent = codeMailed(host);
      change.hidden = false;
      change.querySelector('input')?.focus();
    })),
    said,
    change,
  ];
}

function documentParts({ did }: MoveStatus, { handle, signingKey, pdsUrl }: Identity, { session, again }: { session: Session; again: Again }): HTMLElement[] {
  return [
    element('p', {}, 'Everything has come. Your DID is a web document that only you can change. Put these parts into it, in the place of those of the same name:'),
    element('pre', { id: 'document' }, documentText({ did, handle, signingKey, pdsUrl })),
    element('p', {}, button('I have changed it: look', { id: 'check-document' }, async () => {
      await session.call('app.dunlin.move.goOn', {});
      for (let tries = 0; tries < 20; tries++) {
        const { step, state } = (await session.read('app.dunlin.move.getStatus')) as MoveStatus;
        if (step !== 'identity') return again();
        if (state !== 'running') break;
        await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
      }
      throw new Error('the document does not say this yet, or it is still remembered as it was; look again in a minute');
    })),
  ];
}
