/**
 * Bringing an account here: who it is, signing in where it lives now, the new account, then the move itself (`move-progress.ts`).
 * The password of the old server goes from this browser to that server and to nobody else; what this server gets is the session.
 * Source: ours, docs/decisions/0023-moving-by-a-page.md; com.atproto.server.createSession, getServiceAuth, createAccount.
 */
import { handleSigns, newAccountFields, newAccountOf, oldSignInForm, suggestHandle } from './arrival-parts.ts';
import { describe, findHome, type Home, type ServerView } from './homes.ts';
import { showMove } from './move-progress.ts';
import { AnswerError, ask, button, element, field, form, show } from './page.ts';
import { showRestore } from './restore.ts';
import { Session, showSignIn, type Tokens } from './sign-in.ts';

function showStart(): void {
  const asked = new URLSearchParams(location.search).get('account') ?? '';
  show(
    element('p', {}, 'Your posts, pictures, followers and name come along; nothing at your old server is changed before you say so at the end.'),
    form({ id: 'find' }, async ({ identifier = '' }) => {
      const home = await findHome(identifier);
      if (home.origin === location.origin) throw new Error('this account lives here already, or is just arriving: sign in below');
      if (await isKnownHere(home.did)) return showResume(home.did);
      await showOldSignIn(home);
    }, field('Your handle, as it is now', { name: 'identifier', ...handleSigns, autofocus: true, value: asked }), element('button', {}, 'Go on')),
    element('section', {}, element('h2', {}, 'You began already?'),
      element('p', {}, 'Sign in with the password you chose here, and it goes on where it stopped.'), button('Sign in', { class: 'quiet', id: 'resume' }, async () => showResume())),
    element('section', {}, element('h2', {}, 'Your old server is gone?'),
      element('p', {}, 'With the archive you downloaded there and your recovery key, or by the document of your own did:web, you get your account back here.'), button('Use an archive', { class: 'quiet', id: 'restore' }, async () => showRestore(showMove))),
  );
}

function showResume(identifier?: string): void {
  showSignIn({ intro: [element('p', {}, 'Sign in with the password you chose at this server.')], ...(identifier !== undefined && { identifier }), next: showOwnMove });
}

/** Whether an account of this DID was opened here before, by a move that was begun or long ago. */
function isKnownHere(did: string): Promise<boolean> {
  return ask(`/xrpc/com.atproto.sync.getRepoStatus?${new URLSearchParams({ did }).toString()}`).then(() => true, (fault: unknown) => {
    if (fault instanceof AnswerError && fault.error === 'RepoNotFound') return false;
    throw fault;
  });
}

/** Shows the move of whoever signed in; an account that was here before and lives elsewhere now begins one. */
async function showOwnMove(session: Session): Promise<void> {
  try {
    await showMove(session);
  } catch (fault) {
    if (!(fault instanceof AnswerError) || fault.error !== 'NoMove') throw fault;
    const home = await findHome(session.did, { isFresh: true });
    if (home.origin === location.origin) throw new Error('this account lives here, and there is no move under way', { cause: fault });
    show(homeNote(home), element('p', {}, 'You have an account here from before. Sign in where you live now to come back: what is here is replaced by what comes.'),
      oldSignInForm(home, (old) => beginMove(session, old)));
  }
}

async function beginMove(session: Session, old: Session): Promise<void> {
  await session.call('app.dunlin.move.begin', { accessJwt: old.tokens.accessJwt, refreshJwt: old.tokens.refreshJwt });
  await showMove(session);
}

function homeNote({ did, handle, origin }: Home): HTMLElement {
  return element('p', {}, element('strong', {}, handle === 'handle.invalid' ? did : `@${handle}`), ' lives at ', element('strong', {}, new URL(origin).host), '.');
}

async function showOldSignIn(home: Home): Promise<void> {
  const [here, there] = await Promise.all([describe(''), describe(home.origin)]);
  show(homeNote(home), element('p', {}, `Sign in there. Your password goes from this browser to ${new URL(home.origin).host} only; this server never sees it.`),
    oldSignInForm(home, (session) => showNewAccount({ home, session, here, there })));
}

interface Arrival {
  readonly home: Home;
  readonly session: Session;
  readonly here: ServerView;
  readonly there: ServerView;
}

function showNewAccount({ home, session, here, there }: Arrival): void {
  show(homeNote(home), element('p', {}, 'Signed in there. Now choose how you are called here.'),
    form({ id: 'new-account' }, async (values) => {
      const { token } = (await session.read('com.atproto.server.getServiceAuth', { aud: here.did, lxm: 'com.atproto.server.createAccount' })) as { token: string };
      const made = await ask('/xrpc/com.atproto.server.createAccount', {
        token,
        body: { did: home.did, ...newAccountOf(values) },
      }).catch((fault: unknown) => {
        if (fault instanceof AnswerError && fault.message.startsWith('Account already exists')) return null;
        throw fault;
      });
      if (made === null) return showResume(home.did);
      await beginMove(new Session(made as Tokens), session);
    }, ...newAccountFields({ handle: suggestHandle(home.handle, here, there.availableUserDomains), here }), element('button', {}, 'Begin the move')));
}

showStart();
