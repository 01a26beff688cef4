/** Tests of the lexicon documents: that they are there, sound, and what the library makes of them. */
import { describe, expect, test } from '@jest/globals';
import { schemas } from '@atproto/api';
import { Lexicons, parseLexiconDoc } from '@atproto/lexicon';
import { documentsIn, loadLexicons, mainTypeOf, ourLexiconIds } from '@dunlin/service/xrpc/lexicons';

describe('the lexicons', () => {
  test('hold the protocol’s documents and ours', () => {
    expect(ourLexiconIds()).toContain('app.dunlin.live.reaction');
    for (const id of ['com.atproto.sync.subscribeRepos', 'app.bsky.feed.like', ...ourLexiconIds()]) expect(loadLexicons().get(id)?.id).toBe(id);
  });

  test('are read once and shared', () => {
    expect(loadLexicons()).toBe(loadLexicons());
  });

  test('are those of the package, each and whole', () => {
    const library = new Lexicons(structuredClone(schemas));
    for (const { id, defs } of library) {
      expect(loadLexicons().get(id)).toEqual(library.get(id));
      for (const name of Object.keys(defs)) expect(loadLexicons().getDef(`${id}#${name}`)).toEqual(library.getDef(`${id}#${name}`));
      expect(mainTypeOf(loadLexicons(), id)).toBe(library.getDef(id)?.type ?? null);
    }
    expect([...loadLexicons()]).toHaveLength(schemas.length + ourLexiconIds().length);
  });

  test('of a module with another layout are missed loudly, never in part', () => {
    const document = (indent: string): string => `${indent}ComExample: {\n${indent}    lexicon: 1,\n${indent}    id: 'com.example',\n${indent}    defs: {},\n${indent}},\n`;
    const module = (...documents: readonly string[]): string => `export const schemaDict = {\n${documents.join('')}};\n`;
    expect(documentsIn(module(document('    '), document('    ')), 'x.js')).toHaveLength(2);
    expect(() => documentsIn(module(document('    '), document('  ')), 'x.js')).toThrow('found=1 there=2');
    expect(() => documentsIn(module(document('    '), '    "ComExample": {"lexicon":1},\n'), 'x.js')).toThrow('found=1 there=2');
    expect(() => documentsIn(module(), 'x.js')).toThrow('found=0 there=0');
  });

  test.each(ourLexiconIds())('%s is a sound document with its own name', (id) => {
    expect(parseLexiconDoc(structuredClone(loadLexicons().get(id))).id).toBe(id);
  });

  test('do not know what no document defines', () => {
    for (const uri of ['com.example.none', 'lex:com.example.none', 'app.bsky.feed.post#none', '#main', '']) expect(loadLexicons().getDef(uri === '#main' ? 'x#main' : uri)).toBeUndefined();
    expect(mainTypeOf(loadLexicons(), 'com.example.none')).toBeNull();
    expect(() => loadLexicons().getDefOrThrow('app.bsky.feed.post', ['query'])).toThrow('Not a query lexicon');
  });
});
