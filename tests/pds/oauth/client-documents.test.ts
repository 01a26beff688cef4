/** Documents of clients: how much of one is read, and how much of all is remembered. */
import { createDocumentCache, documentCache, documentFetch, maxDocumentBytes, maxDocumentsAtOnce } from '../../../pds/src/oauth/client-documents.ts';

test('a document is read to its bound and not beyond, and a Request is asked as it says', async () => {
  const asked: unknown[] = [];
  const answers = (length: number): typeof globalThis.fetch => documentFetch(async (input, init) => {
    asked.push([input, init?.method, init?.redirect, new Headers(init?.headers).get('accept')]);
    return new Response(new Uint8Array(length), { status: 203, headers: { 'content-type': 'application/json' } });
  });
  const request = new Request('https://app.example.org/metadata.json', { redirect: 'error', headers: { accept: 'application/json' } });
  const whole = await answers(maxDocumentBytes)(request);
  expect([whole.status, whole.headers.get('content-type'), (await whole.arrayBuffer()).byteLength]).toEqual([203, 'application/json', maxDocumentBytes]);
  await expect(answers(maxDocumentBytes + 1)(request)).rejects.toThrow('too large');
  expect(asked[0]).toEqual(['https://app.example.org/metadata.json', 'GET', 'error', 'application/json']);
});

test('so many are asked for at once; one more takes the place of that which has been waited for longest, so that hosts that do not answer keep nobody out', async () => {
  const waiting: (() => void)[] = [];
  const ask = documentFetch((_url, { signal } = {}) => new Promise((resolve, reject) => {
    waiting.push(() => resolve(Response.json({})));
    signal?.addEventListener('abort', () => reject(signal.reason));
  }));
  const held = Array.from({ length: maxDocumentsAtOnce }, () => ask('https://slow.example.org/'));
  const next = ask('https://app.example.org/');
  await expect(held[0]).rejects.toThrow('at once');
  waiting.at(-1)!();
  expect((await next).status).toBe(200);
  const after = ask('https://app.example.org/');
  for (const answer of waiting) answer();
  expect((await after).status).toBe(200);
  for (const each of held.slice(1)) expect((await each).status).toBe(200);
});

test('whoever asks may give up', async () => {
  const ask = documentFetch((_url, { signal } = {}) => new Promise((_, reject) => void signal?.addEventListener('abort', () => reject(signal.reason))));
  const abort = new AbortController();
  const asked = [ask('https://app.example.org/', { signal: abort.signal }), ask(new Request('https://app.example.org/', { signal: abort.signal }))];
  abort.abort(new Error('enough'));
  for (const each of asked) await expect(each).rejects.toThrow('enough');
});

test('what is remembered is bounded together: the one used longest ago makes place, one that is too large has none', () => {
  const cache = createDocumentCache<{ text: string }>();
  const third = { text: 'x'.repeat(documentCache.maxSize / 3) };
  for (const name of ['a', 'b']) cache.set(name, third);
  expect(cache.get('a')).toBe(third);
  cache.set('c', third);
  expect(['a', 'b', 'c'].map((name) => cache.get(name) !== undefined)).toEqual([true, false, true]);
  cache.set('large', { text: 'x'.repeat(documentCache.maxSize) });
  expect(cache.get('large')).toBeUndefined();
  cache.del('a');
  expect(cache.get('a')).toBeUndefined();
});
