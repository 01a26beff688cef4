/**
 * What an archive says of itself: account.json for programs, README.txt for a person who reads it years later, with how to get the account back.
 * Plain text, lines of at most 100 characters.
 * Source: ours.
 */
/** What account.json says. */
export interface ArchiveAbout {
  readonly format: 'app.dunlin.archive';
  readonly version: 1;
  readonly did: string;
  readonly handle: string;
  /** Address of the server it was made at. */
  readonly server: string;
  /** Revision of the repository. */
  readonly rev: string | null;
  readonly createdAt: string;
  readonly archivedAt: string;
  readonly blobs: number;
  /** Files that records name and that the server did not have. */
  readonly missingBlobs: number;
  /** Those of the rotation keys that were this server's, as did:key. */
  readonly serverKeys: readonly string[];
  /** Keys that ruled the DID then, as did:key, the most powerful first. */
  readonly rotationKeys: readonly string[] | null;
}

/** Gives the text. */
export function archiveReadme({ did, handle, server, archivedAt, blobs, missingBlobs, rotationKeys }: ArchiveAbout): string {
  return [
    `Everything of @${handle}`,
    `${did}, as ${server} had it at ${archivedAt}.`,
    '',
    'What is in it',
    '',
    '  repo.car          posts, likes, follows and all other records: the repository of the AT Protocol,',
    '                    a CAR file (https://atproto.com/specs/repository)',
    `  blobs/            pictures and other files, each under its CID (${blobs} of them${missingBlobs === 0 ? '' : `; ${missingBlobs} that records name were missing`})`,
    '  types.json        what kind of file those are whose bytes do not say it',
    '  preferences.json  what apps keep for you: as app.bsky.actor.putPreferences takes it',
    '  account.json      the account, where it was, and which keys ruled its identity',
    '',
    'Not in it: passwords, second factors, your e-mail address, direct messages (they are kept elsewhere).',
    'Preferences can be private. Keep the archive where you keep letters.',
    '',
    'To bring it to another server while the old one works',
    '',
    '  You do not need this archive: open /account/move-in at a server that runs Dunlin, or use any tool',
    '  that moves accounts, such as goat.',
    '',
    'To get the account back when the old server is gone',
    '',
    ...(did.startsWith('did:plc:') ? [
      '  You need your recovery key: a key of your own among the rotation keys of your identity.',
      ...(rotationKeys === null ? [] : ['  The rotation keys then, the most powerful first:', ...rotationKeys.map((key) => `    ${key}`)]),
      '  At a server that runs Dunlin open /account/move-in, choose "Use an archive", and give it this file',
      '  and the recovery key. The key is used in your browser and sent to nobody.',
    ] : [
      '  Your identity is a web document at your own domain, and you must be able to change it.',
      '  At a server that runs Dunlin open /account/move-in, choose "Use an archive", and give it this file:',
      '  the page says what to write into the document.',
    ]),
    '',
    '  At any other server, by XRPC: make the account with its DID (com.atproto.server.createAccount, with',
    '  a token signed by the key your DID document names), then com.atproto.repo.importRepo with repo.car,',
    '  com.atproto.repo.uploadBlob with each file, app.bsky.actor.putPreferences; change the DID with your',
    '  recovery key; com.atproto.server.activateAccount.',
    '',
  ].join('\n');
}
