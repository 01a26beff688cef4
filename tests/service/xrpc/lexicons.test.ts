/** Tests of the lexicon documents. */
import { describe, expect, test } from '@jest/globals';
import { loadLexicons, ourLexiconIds } from '@dunlin/service/xrpc/lexicons';

describe('the lexicons', () => {
  test('hold the protocol’s documents and ours', () => {
    expect(ourLexiconIds()).toContain('app.dunlin.live.reaction');
    for (const id of ['com.atproto.sync.subscribeRepos', 'app.bsky.feed.like', ...ourLexiconIds()]) expect(loadLexicons().get(id)?.id).toBe(id);
  });

  test('are read once and shared', () => {
    expect(loadLexicons()).toBe(loadLexicons());
  });
});
