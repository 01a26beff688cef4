/**
 * Bringing an account with a did:web back from its archive: its owner writes this server and a key made for them into the document, and that
 * is the proof. The claim that goes with the key stays in this page: closed, it begins again with another key.
 * Source: ours, docs/decisions/0024-an-archive-and-a-recovery-key.md; app.dunlin.move.prepareRestore, restore.
 */
import type { Archive } from './archive.ts';
import { newAccountFields, newAccountOf } from './arrival-parts.ts';
import type { ServerView } from './homes.ts';
import { documentText } from './identity-view.ts';
import { ask, button, element, form, show } from './page.ts';
import { Session, type Tokens } from './sign-in.ts';

interface WebGround {
  readonly signingKey: string;
  readonly pdsUrl: string;
  readonly claim: string;
}

/** Asks how the person is called here, shows what to write, and opens the account when it is written; `next` shows the move. */
export function showWebAccount({ archive, handle, here, next }: { archive: Archive; handle: string; here: ServerView; next: (session: Session) => Promise<void> }): void {
  const { did } = archive;
  show(
    element('p', {}, 'The archive of ', element('strong', {}, `@${archive.handle}`), `. Your identity is a web document, at ${documentAddress(did)}: no key is needed, you change the document. First choose how you are called here.`),
    form({ id: 'new-account' }, async (values) => {
      const wanted = newAccountOf(values);
      const { claim, ...ground } = (await ask('/xrpc/app.dunlin.move.prepareRestore', { body: { did } })) as WebGround;
      const open = async (): Promise<void> => {
        const tokens = await ask('/xrpc/app.dunlin.move.restore', { body: { did, ...wanted, claim } });
        await next(new Session(tokens as Tokens));
      };
      showDocument(documentText({ did, handle: String(wanted['handle']), ...ground }), { did, open });
    }, ...newAccountFields({ handle, here }), element('button', {}, 'Go on')),
  );
}

function showDocument(text: string, { did, open }: { did: string; open: () => Promise<void> }): void {
  show(
    element('p', {}, 'Put these parts into the document at ', element('strong', {}, documentAddress(did)), ', in the place of those of the same name; all else in it stays. Keep this page open: the key in it was made for you just now, and a new page makes another.'),
    element('pre', { id: 'document' }, text),
    element('p', {}, button('I have changed it: open the account', { id: 'check-document' }, open)),
    element('p', {}, 'Nobody can write to the account before the archive has come and the document was looked at once more.'),
  );
}

/** Where the document of a did:web stands. */
function documentAddress(did: string): string {
  return `https://${decodeURIComponent(did.slice('did:web:'.length))}/.well-known/did.json`;
}
