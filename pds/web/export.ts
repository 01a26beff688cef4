/**
 * The page of the archive: a fresh sign-in, then one download of everything.
 * Not for the download itself (`download.ts`).
 * Source: ours.
 */
import { downloadButton } from './download.ts';
import { counted, element, show } from './page.ts';
import { showSignIn, type Session } from './sign-in.ts';

async function showExport(session: Session): Promise<void> {
  const { indexedRecords, importedBlobs } = (await session.read('com.atproto.server.checkAccountStatus')) as { indexedRecords: number; importedBlobs: number };
  show(
    element('p', {}, 'Everything of ', element('strong', {}, `@${session.handle}`), ` in one file: ${counted(indexedRecords, 'post or other record', 'posts and other records')}, ${counted(importedBlobs, 'picture or other file', 'pictures and other files')}, and your preferences.`),
    element('p', {}, downloadButton(session)),
    element('section', {}, element('h2', {}, 'What it is good for'),
      element('p', {}, 'Should this server ever be gone, you get your account back at another one with this file and a recovery key of your own. ', element('a', { href: '/account/security' }, 'Make a recovery key'), ' if you have none: without it the archive is a memory only.'),
      element('p', {}, 'It is as of now. Download it again from time to time, and keep it where you keep letters: your preferences are in it.')),
  );
}

showSignIn({ intro: [element('p', {}, 'Sign in to download everything you have here.')], next: showExport });
