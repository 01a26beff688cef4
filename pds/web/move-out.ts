/**
 * Leaving for another server: where to, what that server needs, how far it is as this server and the directory can see, and the end here.
 * A server that runs Dunlin does the moving by a page of its own, to which this one leads; for any other, what it needs is handed out.
 * Source: ours; com.atproto.server.getServiceAuth, deactivateAccount, com.atproto.identity.requestPlcOperationSignature.
 */
import { downloadButton } from './download.ts';
import { describeAddressed, findHome } from './homes.ts';
import { button, codeMailed, element, field, form, show } from './page.ts';
import { showSignIn, type Session } from './sign-in.ts';

/** How often the directory is asked where the account lives. */
const lookEveryMs = 10_000;

const tokenLifeSeconds = 3_600;

const deletions = { never: null, '30 days from now': 30, '90 days from now': 90 } as const;

async function showLeaving(session: Session): Promise<void> {
  const place = element('div', { id: 'needs' });
  show(
    element('p', {}, 'Signed in as ', element('strong', {}, `@${session.handle}`), '. Moving takes everything along; your followers notice nothing. This server stays your home until the new one has all of it.'),
    element('section', {}, element('h2', {}, 'Before you go'), element('p', {}, 'An archive of your own is good to have, whatever happens.'), element('p', {}, downloadButton(session))),
    element('section', { id: 'where-to' }, element('h2', {}, 'Where to?'),
      form({ id: 'find-server' }, async ({ server = '' }) => {
        // What another server needs must not stand below the name of this one.
        place.replaceChildren();
        place.replaceChildren(...(await needs(addressOf(server), session)));
      },
        field('Address of the new server', { name: 'server', autocapitalize: 'none', spellcheck: 'false', placeholder: 'pds.example.com' }), element('button', {}, 'Look')), place),
    watchPart(session),
  );
}

function addressOf(typed: string): string {
  const text = typed.trim();
  const address = text.includes('://') ? text : `https://${text}`;
  if (!URL.canParse(address)) throw new Error('this is no address of a server');
  const { origin } = new URL(address);
  if (origin === location.origin) throw new Error('this is the server you are at');
  return origin;
}

async function needs(origin: string, session: Session): Promise<HTMLElement[]> {
  const { did, inviteCodeRequired } = await describeAddressed(origin);
  const { host } = new URL(origin);
  const invite = inviteCodeRequired === true ? element('p', {}, `${host} wants an invite code: get one there first.`) : null;
  const isOurs = await fetch(`${origin}/account/move-in`, { method: 'HEAD' }).then(({ ok }) => ok, () => false);
  if (isOurs) {
    return [
      element('p', {}, `${host} does the moving for you. It asks you for your password at this server, and later for a code that this server mails you.`), ...(invite === null ? [] : [invite]),
      element('p', {}, element('a', { id: 'to-move-in', href: `${origin}/account/move-in?account=${encodeURIComponent(session.did)}`, target: '_blank', rel: 'noopener' }, `Go on at ${host}`)),
    ];
  }
  const token = element('pre');
  const sent = element('p', { role: 'status' });
  return [
    element('p', {}, `If ${host} has a page for moving in, or you use a program such as goat, give it your handle and the password of this server: it fetches all it needs. Otherwise it is asked for these:`), ...(invite === null ? [] : [invite]),
    element('ol', { class: 'handed-out' },
      element('li', {}, 'A token that lets it open the account; good for one hour, for that server only. ', button('Make the token', { class: 'quiet', id: 'make-token' }, async () => {
        const made = (await session.read('com.atproto.server.getServiceAuth', { aud: did, lxm: 'com.atproto.server.createAccount', exp: String(Math.floor(Date.now() / 1000) + tokenLifeSeconds) })) as { token: string };
        token.textContent = made.token;
      }), token),
      element('li', {}, 'Your repository, as a file. ', element('a', { href: `/xrpc/com.atproto.sync.getRepo?${new URLSearchParams({ did: session.did }).toString()}`, download: `${session.handle}.car` }, 'Download it')),
      element('li', {}, 'When all has come: a code with which this server signs the change of your identity. ', button('Mail me the code', { class: 'quiet', id: 'mail-code' }, async () => {
        await session.call('com.atproto.identity.requestPlcOperationSignature');
        sent.textContent = codeMailed('this server');
      }), sent)),
  ];
}

/** Where the account lives, looked at again and again, and the end here once it is elsewhere. */
function watchPart(session: Session): HTMLElement {
  const said = element('p', { role: 'status', id: 'lives-at' }, 'Looking …');
  const end = element('div');
  const part = element('section', { id: 'watch' }, element('h2', {}, 'How far it is'), said, end);
  let isAway = false;
  const look = async (): Promise<void> => {
    const { origin } = await findHome(session.did, { isFresh: true });
    const { host } = new URL(origin);
    if (origin === location.origin) {
      said.textContent = 'Your identity names this server. Nothing is changed yet.';
      return;
    }
    isAway = true;
    const { active } = (await session.read('com.atproto.server.getSession')) as { active?: boolean };
    said.textContent = `Your identity names ${host}: you live there now.${active === false ? ' Here the account is out of service.' : ' Here it is still in service; close it when all is well there.'}`;
    end.replaceChildren(endForm(session, active !== false));
  };
  const follow = async (): Promise<void> => {
    await look().catch((fault: unknown) => (said.textContent = fault instanceof Error ? `It cannot be seen at the moment: ${fault.message}.` : 'It cannot be seen at the moment.'));
    if (!isAway && (part.isConnected || said.textContent === 'Looking …')) setTimeout(() => void (part.isConnected && follow()), lookEveryMs);
  };
  void follow();
  return part;
}

function endForm(session: Session, isActive: boolean): HTMLElement {
  const choices = Object.keys(deletions).map((label, index) => element('label', { class: 'check' }, element('input', { type: 'radio', name: 'deletion', value: label, checked: index === 0 }), label === 'never' ? 'Keep what is here' : `Delete it ${label}`));
  const made = form({ id: 'close-here' }, async ({ deletion = 'never' }) => {
    const days = deletions[deletion as keyof typeof deletions];
    await session.call('com.atproto.server.deactivateAccount', days === null ? {} : { deleteAfter: new Date(Date.now() + days * 86_400_000).toISOString() });
    made.replaceChildren(element('p', { id: 'closed' }, days === null ? 'Closed. What is here stays, out of service.' : `Closed. What is here is deleted ${deletion}.`));
  }, element('fieldset', {}, element('legend', {}, 'What is left here'), ...choices), element('button', {}, isActive ? 'Close the account here' : 'Set this'));
  return made;
}

showSignIn({ intro: [element('p', {}, 'Sign in to move your account to another server.')], next: showLeaving });
