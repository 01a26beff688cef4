/**
 * Getting an account back from an archive when its server is gone. The recovery key signs in this browser and is sent nowhere; the archive
 * is sent by the methods any program would use, file by file, only what is missing, so that it can be cut off and gone on with.
 * Source: ours, docs/decisions/0024-an-archive-and-a-recovery-key.md; app.dunlin.move.*, com.atproto.repo.importRepo, uploadBlob.
 */
import { readArchive, type Archive } from './archive.ts';
import { newAccountFields, newAccountOf, suggestHandle } from './arrival-parts.ts';
import { describe, type ServerView } from './homes.ts';
import { sizeOf, type Again } from './move-status.ts';
import { outsideSigner } from './outside-signer.ts';
import { ask, button, element, field, form, show } from './page.ts';
import { planRestore, type RestorePlan } from './restore-plan.ts';
import { showWebAccount } from './restore-web.ts';
import { readSigners, type Signer } from './rotation-signature.ts';
import { Session, type Tokens } from './sign-in.ts';

/** Files that are asked for at once. */
const pageLength = 500;

/** The archive chosen in this page; a page that was closed asks for it again. */
let chosen: Archive | null = null;

/** The archive that was chosen in a form. @throws Error with a sentence */
async function chosenIn(made: HTMLElement): Promise<Archive> {
  const file = fileOf(made, 'archive');
  if (file === null) throw new Error('choose the archive first');
  return readArchive(file);
}

async function chosenOf(made: HTMLElement, { did }: Session): Promise<Archive> {
  const archive = await chosenIn(made);
  if (archive.did !== did) throw new Error(`this is the archive of ${archive.handle}, another account`);
  return archive;
}

function archiveField(): HTMLLabelElement {
  return field('Your archive (a file that ends in .tar)', { name: 'archive', type: 'file', accept: '.tar,application/x-tar', autofocus: true });
}

function keyFields(): HTMLElement[] {
  return [
    field('Your recovery key: its file', { name: 'keyFile', type: 'file', accept: '.txt,text/plain', required: false }),
    field('or its text: the private key, as multibase (z…) or hex', { name: 'key', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', required: false }),
    element('details', {}, element('summary', {}, 'It is kept by another program or device'),
      field('Its public half: you sign there, and paste the signature here', { name: 'didKey', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', placeholder: 'did:key:z…', required: false })),
  ];
}

/** The keys that may be meant by what the fields say. @throws Error with a sentence */
async function signersIn(made: HTMLElement, { key = '', didKey = '' }: Readonly<Record<string, string>>): Promise<Signer[]> {
  if (didKey.trim() !== '') return [outsideSigner(didKey.trim())];
  return readSigners((await fileOf(made, 'keyFile')?.text()) ?? key);
}

function fileOf(made: HTMLElement, name: string): File | null {
  return made.querySelector<HTMLInputElement>(`input[name=${name}]`)?.files?.[0] ?? null;
}

/** Shows the way in; `next` shows the move once the account is open. */
export function showRestore(next: (session: Session) => Promise<void>): void {
  const made = form({ id: 'restore-files' }, async (values) => {
    const archive = await chosenIn(made);
    const here = await describe('');
    const isOwnDomain = archive.did === `did:web:${archive.handle}`;
    const handle = isOwnDomain ? archive.handle : suggestHandle(archive.handle, here, [archive.handle.slice(archive.handle.indexOf('.'))]);
    if (archive.did.startsWith('did:web:')) {
      chosen = archive;
      return showWebAccount({ archive, handle, here, next });
    }
    const signers = await signersIn(made, values);
    const plan = await planRestore(archive, signers, handle);
    chosen = archive;
    showAccount({ archive, handle, here, plan, next });
  }, archiveField(), ...keyFields(), element('button', {}, 'Go on'));
  show(element('p', {}, 'Both stay in this browser for now. The key is never sent anywhere: it signs here that your account lives at this server. Whose identity is a did:web needs no key.'), made);
}

interface Return {
  readonly archive: Archive;
  readonly handle: string;
  readonly here: ServerView;
  readonly plan: RestorePlan;
  readonly next: (session: Session) => Promise<void>;
}

function showAccount({ archive, handle, here, plan, next }: Return): void {
  const made = form({ id: 'new-account' }, async (values) => {
    const wanted = newAccountOf(values);
    const operation = await plan.sign(String(wanted['handle']));
    const tokens = await ask('/xrpc/app.dunlin.move.restore', { body: { did: archive.did, ...wanted, operation } });
    await next(new Session(tokens as Tokens));
  }, ...newAccountFields({ handle, here }), element('button', {}, 'Bring it here'));
  show(element('p', {}, 'The archive of ', element('strong', {}, `@${archive.handle}`), ` with ${archive.blobs === 1 ? 'one file' : `${archive.blobs.toLocaleString()} files`}, and a key that rules it.`),
    ...plan.parts, element('p', {}, 'Now choose how you are called here; then your key signs.'), made);
}

/** The person's turn while the archive is being brought. */
export function archivePart(session: Session, again: Again): HTMLElement {
  const part = element('section', { id: 'archive' }, element('h2', {}, 'Bringing the archive'));
  const said = element('p', { role: 'status', id: 'brought' });
  const place = element('div');
  const choose = (): void => {
    const made = form({ id: 'choose-archive' }, async () => {
      chosen = await chosenOf(made, session);
      bringNow(chosen);
    }, archiveField(), element('button', {}, 'Go on with it'));
    place.replaceChildren(element('p', {}, 'Choose the archive again: what has come is not sent twice.'), made);
  };
  const bringNow = (archive: Archive): void => {
    place.replaceChildren(element('p', {}, 'Keep this page open until all is sent.'));
    bring(archive, { session, say: (words) => (said.textContent = words) }).then(async (missing) => {
      if (missing === 0) return complete(false);
      place.replaceChildren(element('p', {}, `${missing === 1 ? 'One file that your records name is' : `${missing.toLocaleString()} files that your records name are`} not in the archive. They can be fetched later, should the old server come back.`),
        button('Go on without them', { id: 'go-without' }, () => complete(true)));
      return undefined;
    }).catch((fault: unknown) => {
      place.replaceChildren(element('p', { role: 'alert', class: 'fault' }, fault instanceof Error ? fault.message : 'something went wrong'), button('Try again', { id: 'try-again' }, async () => bringNow(archive)));
    });
  };
  const complete = async (withoutMissing: boolean): Promise<void> => {
    await session.call('app.dunlin.move.completeArchive', { withoutMissing });
    await again();
  };
  part.append(said, place);
  if (chosen !== null && chosen.did === session.did) bringNow(chosen);
  else choose();
  return part;
}

/** Sends what is not there yet, and gives how many files are in no archive. */
async function bring(archive: Archive, { session, say }: { session: Session; say: (words: string) => void }): Promise<number> {
  const { indexedRecords, repoCommit } = (await session.read('com.atproto.server.checkAccountStatus')) as { indexedRecords: number; repoCommit: string };
  const repo = archive.file('repo.car', 'application/vnd.ipld.car');
  if (repo !== null && (indexedRecords === 0 || repoCommit === '')) {
    say(`Sending posts and other records (${sizeOf(repo.size)}) …`);
    await session.send('com.atproto.repo.importRepo', repo);
  }
  let [sent, missing] = [0, 0];
  for (let cursor: string | undefined; ;) {
    const page = (await session.read('com.atproto.repo.listMissingBlobs', { limit: String(pageLength), ...(cursor !== undefined && { cursor }) })) as { blobs: readonly { cid: string }[]; cursor?: string };
    for (const { cid } of page.blobs) {
      const blob = archive.file(`blobs/${cid}`, archive.types[cid] ?? 'application/octet-stream');
      if (blob === null) missing++;
      else await session.send('com.atproto.repo.uploadBlob', blob);
      say(`Sending pictures and other files: ${(++sent).toLocaleString()} …`);
    }
    if (page.blobs.length < pageLength || page.cursor === undefined) break;
    cursor = page.cursor;
  }
  const preferences = archive.file('preferences.json', 'application/json');
  if (preferences !== null) await session.send('app.bsky.actor.putPreferences', preferences);
  say('All is sent.');
  return missing;
}

/** Signs once more, when the DID was changed meanwhile; what it says by now is shown first. */
export function signAgainPart(session: Session, again: Again): HTMLElement {
  const place = element('div', { id: 'sign-again-part' });
  const made = form({ id: 'sign-again' }, async (values) => {
    chosen ??= await chosenOf(made, session);
    const plan = await planRestore(chosen, await signersIn(made, values), session.handle);
    place.replaceChildren(...plan.parts, element('p', {}, button('Sign once more', { id: 'sign-now' }, async () => {
      await session.call('app.dunlin.move.signAgain', { operation: await plan.sign(session.handle) });
      await again();
    })));
  }, ...(chosen === null ? [archiveField()] : []), ...keyFields(), element('button', {}, 'Go on'));
  place.append(made);
  return place;
}
