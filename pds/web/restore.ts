/**
 * Getting an account back from an archive when its server is gone. The recovery key signs in this browser and is sent nowhere; the archive
 * is sent by the methods any program would use, file by file, only what is missing, so that it can be cut off and gone on with.
 * Source: ours, docs/decisions/0024-an-archive-and-a-recovery-key.md; app.dunlin.move.*, com.atproto.repo.importRepo, uploadBlob.
 */
import { readArchive, type Archive } from './archive.ts';
import { newAccountFields, newAccountOf, suggestHandle } from './arrival-parts.ts';
import { describe } from './homes.ts';
import { sizeOf, type Again } from './move-status.ts';
import { ask, button, element, field, form, show } from './page.ts';
import { readSigner, type PlcChange, type Signer } from './rotation-signature.ts';
import { Session, type Tokens } from './sign-in.ts';

/** Files that are asked for at once. */
const pageLength = 500;

/** The archive chosen in this page; a page that was closed asks for it again. */
let chosen: Archive | null = null;

interface Ground extends Omit<PlcChange, 'type'> {
  readonly signingKey: string;
  readonly serverKeys: readonly string[];
  readonly pdsUrl: string;
}

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
    field('or its text', { name: 'key', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', required: false }),
  ];
}

function fileOf(made: HTMLElement, name: string): File | null {
  return made.querySelector<HTMLInputElement>(`input[name=${name}]`)?.files?.[0] ?? null;
}

/** Shows the way in; `next` shows the move once the account is open. */
export function showRestore(next: (session: Session) => Promise<void>): void {
  const made = form({ id: 'restore-files' }, async ({ key = '' }) => {
    const archive = await chosenIn(made);
    const signer = await readSigner((await fileOf(made, 'keyFile')?.text()) ?? key);
    const ground = await groundFor(archive.did, signer);
    chosen = archive;
    await showAccount({ archive, signer, ground, next });
  }, archiveField(), ...keyFields(), element('button', {}, 'Go on'));
  show(element('p', {}, 'Both stay in this browser for now. The key is never sent anywhere: it signs here that your account lives at this server.'), made);
}

async function groundFor(did: string, { didKey }: Signer): Promise<Ground> {
  const ground = (await ask('/xrpc/app.dunlin.move.prepareRestore', { body: { did } })) as Ground;
  if (!ground.rotationKeys.includes(didKey)) throw new Error(`this key does not rule the account: it is ${didKey}, which is not among its rotation keys`);
  return ground;
}

interface Return {
  readonly archive: Archive;
  readonly signer: Signer;
  readonly ground: Ground;
  readonly next: (session: Session) => Promise<void>;
}

async function showAccount({ archive, signer, ground, next }: Return): Promise<void> {
  const here = await describe('');
  show(
    element('p', {}, 'The archive of ', element('strong', {}, `@${archive.handle}`), ` with ${archive.blobs.toLocaleString()} files, and a key that rules it. Now choose how you are called here.`),
    form({ id: 'new-account' }, async (values) => {
      const wanted = newAccountOf(values);
      const operation = await signer.sign(changeHere(ground, { handle: String(wanted['handle']), archive, signer }));
      const tokens = await ask('/xrpc/app.dunlin.move.restore', { body: { did: archive.did, ...wanted, operation } });
      await next(new Session(tokens as Tokens));
    }, ...newAccountFields({ handle: suggestHandle(archive.handle, here, [archive.handle.slice(archive.handle.indexOf('.'))]), here }), element('button', {}, 'Bring it here')),
  );
}

/** What the DID is to say: this server's parts, and all else as it is but the old server's keys, which the archive names; the key that signs stays, whatever it names. */
function changeHere({ prev, rotationKeys, alsoKnownAs, verificationMethods, services, signingKey, serverKeys, pdsUrl }: Ground, { handle, archive, signer }: { handle: string; archive: Archive; signer: Signer }): PlcChange {
  const gone = archive.serverKeys.filter((key) => key !== signer.didKey);
  return {
    type: 'plc_operation', prev,
    rotationKeys: [...new Set([...rotationKeys.filter((key) => !gone.includes(key)), ...serverKeys])],
    alsoKnownAs: [`at://${handle}`, ...alsoKnownAs.filter((name) => !name.startsWith('at://'))],
    verificationMethods: { ...verificationMethods, atproto: signingKey },
    services: { ...services, atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: pdsUrl } },
  };
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
      place.replaceChildren(element('p', {}, `${missing} files that your records name are not in the archive. They can be fetched later, should the old server come back.`),
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

/** Signs once more, when the DID was changed meanwhile. */
export function signAgainPart(session: Session, again: Again): HTMLElement {
  const made = form({ id: 'sign-again' }, async ({ key = '' }) => {
    chosen ??= await chosenOf(made, session);
    const signer = await readSigner((await fileOf(made, 'keyFile')?.text()) ?? key);
    const ground = await groundFor(session.did, signer);
    await session.call('app.dunlin.move.signAgain', { operation: await signer.sign(changeHere(ground, { handle: session.handle, archive: chosen, signer })) });
    await again();
  }, ...(chosen === null ? [archiveField()] : []), ...keyFields(), element('button', {}, 'Sign once more'));
  return made;
}
