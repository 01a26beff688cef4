/**
 * Texts near a string format: well formed and naming nothing, at the longest the format allows, one beyond, and malformed in the ways
 * people and programs write them. Whether one is well formed is the lexicon library's to say.
 * Source: AT Protocol specs "DID", "Handle", "NSID", "Record Key", "TID", "AT URI", "Data Model", "Lexicon".
 */

const texts: Readonly<Record<string, readonly string[]>> = {
  did: [
    'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', 'did:plc:', 'did:PLC:aaaaaaaaaaaaaaaaaaaaaaaa', 'did:plc:a', 'did:web:localhost', 'did:web:localhost%3A1', 'did:web:a.invalid', 'did:web:a.invalid:path',
    'did:key:zQ3shunBKsXixLxKtC5qeSG9E4J5RkGN57im31pcTzbNQnm5w', 'did:x:%', 'did:x:y:', 'did', `did:x:${'a'.repeat(2_042)}`, `did:x:${'a'.repeat(2_043)}`,
  ],
  handle: ['nobody.test', 'handle.invalid', 'localhost', '-a.test', 'a-.test', 'a..test', '.test', 'test.', 'xn--a.test', '127.0.0.1', 'ä.test', 'a b.test', `${'a'.repeat(63)}.test`, `${'a'.repeat(64)}.test`, `${'a.'.repeat(124)}test`, `${'a.'.repeat(125)}test`],
  'at-uri': ['at://', 'at://nobody.test', 'at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/x', 'at://nobody.test/app.bsky.feed.post', 'at://nobody.test/x', 'at://nobody.test/app.bsky.feed.post/x/y', 'at://nobody.test/app.bsky.feed.post/x#/y', 'http://nobody.test', 'at:/x', `at://nobody.test/a.b.c/${'k'.repeat(512)}`, `at://nobody.test/a.b.c/${'k'.repeat(513)}`],
  uri: ['https://example.invalid/x', 'ftp://x', 'urn:x:y', 'x:', 'https:', 'nothing', 'https://a b', `https://example.invalid/${'p'.repeat(2_030)}`, `https://example.invalid/${'p'.repeat(9_000)}`],
  nsid: ['com.example.thing', 'com.example', 'com', 'com.example.3', 'com..thing', 'com.exa mple.thing', 'app.bsky.feed.*', `com.${'a'.repeat(63)}.thing`, `com.${'a'.repeat(64)}.thing`, `${'a.'.repeat(127)}${'b'.repeat(63)}`, `${'a.'.repeat(128)}${'b'.repeat(63)}`],
  cid: ['bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG', 'bafy', 'b', 'zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA', 'bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk1'],
  datetime: ['1985-04-12T23:20:50.123Z', '1985-04-12T23:20:50.123-05:00', '1985-04-12', '1985-04-12T23:20:50', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '1985-13-12T23:20:50Z', '1985-04-31T00:00:00Z', '1985-04-12T24:00:00Z', 'now', `1985-04-12T23:20:50.${'1'.repeat(60)}Z`],
  tid: ['3jzfcijpj2z2a', '7777777777777', '2222222222222', 'zzzzzzzzzzzzz', '3jzfcijpj2z2', '3jzfcijpj2z2aa', '3JZFCIJPJ2Z2A', '0000000000000'],
  'record-key': ['self', '3jzfcijpj2z2a', '~.:-_', '.', '..', 'a/b', 'a b', 'é', 'k'.repeat(512), 'k'.repeat(513)],
  language: ['en', 'de-CH', 'zh-Hant-TW', 'x', 'english', 'en_US', 'i-navajo', ''],
};

/** Gives texts near the format, and the text itself with something before, behind or in another case. */
export function near(format: string, text: string): readonly string[] {
  const own = [`${text} `, ` ${text}`, text.toUpperCase(), text.slice(0, -1), `${text}\0`];
  if (format === 'at-identifier') return [...own, ...texts['did']!, ...texts['handle']!];
  return [...own, ...(texts[format] ?? [])];
}
