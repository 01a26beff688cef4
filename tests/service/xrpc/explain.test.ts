/** Tests of the words for validation faults: those of the reference, made from those of @atproto/lexicon. */
import { describe, expect, test } from '@jest/globals';
import { ValidationError } from '@atproto/lexicon';
import { explainInvalid } from '@dunlin/service/xrpc/explain';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';

const post = { $type: 'app.bsky.feed.post', text: 'hello', createdAt: '2026-01-01T00:00:00.000Z' };

function explain(type: string, record: Record<string, unknown>): string {
  try {
    loadLexicons().assertValidRecord(type, record);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    const { text, path } = explainInvalid(error.message, record, 'Record', '$.record');
    return `${text} at ${path}`;
  }
  return 'valid';
}

describe('a record that its lexicon refuses', () => {
  test.each([
    [{ text: 5 }, 'Expected string value type (got 5) at $.record.text'],
    [{ text: undefined }, 'Missing required key "text" at $.record'],
    [{ text: null }, 'Expected string value type (got null) at $.record.text'],
    [{ createdAt: 'yesterday' }, 'Invalid datetime (got "yesterday") at $.record.createdAt'],
    [{ text: 'x'.repeat(3_001) }, 'string too big (maximum 3000, got 3001) at $.record.text'],
    [{ text: 'x'.repeat(301) }, 'grapheme too big (maximum 300, got 301) at $.record.text'],
    [{ langs: ['en', 'en', 'en', 'en'] }, 'array too big (maximum 3, got 4) at $.record.langs'],
    [{ langs: ['not a language'] }, 'Invalid language (got "not a language") at $.record.langs[0]'],
    [{ reply: { root: { uri: 'x', cid: 'y' } } }, 'Invalid at-uri (got "x") at $.record.reply.root.uri'],
    [{}, 'valid'],
  ])('%j is told so', (change, wanted) => {
    expect(explain('app.bsky.feed.post', { ...post, ...change })).toBe(wanted);
  });

  test('shows no more of a long value than needed', () => {
    const told = explain('app.bsky.feed.post', { ...post, createdAt: 'z'.repeat(10_000) });
    expect(told.length).toBeLessThan(400);
    expect(told).toContain('zzz…');
  });

  test('keeps the words of the library where there are no better ones', () => {
    expect(explainInvalid('Record/embed $type must be one of a, b', {}, 'Record')).toEqual({ text: 'Record/embed $type must be one of a, b', path: '$.embed' });
  });

  test('of ours is judged and told the same way', () => {
    const reaction = { $type: 'app.dunlin.live.reaction', subject: { $type: 'app.dunlin.live.reaction#webSubject', uri: 'https://example.com/' }, value: '🎉', createdAt: '2026-01-01T00:00:00.000Z' };
    expect(explain('app.dunlin.live.reaction', reaction)).toBe('valid');
    expect(explain('app.dunlin.live.reaction', { ...reaction, value: '🎉🎉' })).toBe('grapheme too big (maximum 1, got 2) at $.record.value');
  });
});
