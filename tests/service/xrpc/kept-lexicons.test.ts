/** Tests of documents kept as text: opened when asked for by whatever name, judged by the library as its own. */
import { describe, expect, test } from '@jest/globals';
import { ValidationError, type LexiconDoc } from '@atproto/lexicon';
import { KeptLexicons } from '@dunlin/service/xrpc/kept-lexicons';

const point: LexiconDoc = { lexicon: 1, id: 'com.example.defs', defs: { point: { type: 'object', required: ['x'], properties: { x: { type: 'integer', maximum: 9, description: 'von links, Ä' } } } } };
const place: LexiconDoc = { lexicon: 1, id: 'com.example.place', defs: { main: { type: 'record', key: 'tid', record: { type: 'object', required: ['at'], properties: { at: { type: 'ref', ref: 'com.example.defs#point' } } } } } };

describe('kept lexicons', () => {
  test('become objects only when they are asked for, with what they refer to', () => {
    const lexicons = new KeptLexicons([point, place]);
    expect(lexicons.mainTypeOf('com.example.place')).toBe('record');
    expect(lexicons.mainTypeOf('com.example.defs')).toBeNull();
    expect(lexicons.docs.size).toBe(0);
    expect(lexicons.getDef('lex:com.example.place')).toMatchObject({ type: 'record' });
    expect(lexicons.docs.size).toBe(1);
    expect(() => lexicons.assertValidRecord('com.example.place', { $type: 'com.example.place', at: { x: 10 } })).toThrow('Record/at/x can not be greater than 9');
    lexicons.assertValidRecord('com.example.place', { $type: 'com.example.place', at: { x: 9 } });
    expect(lexicons.docs.size).toBe(2);
  });

  test('are found by NSID, by lex: URI and by fragment, and give the text back whole', () => {
    expect(new KeptLexicons([point]).get('com.example.defs')).toEqual(point);
    expect(new KeptLexicons([point]).getDef('com.example.defs#point')).toEqual(point.defs['point']);
    expect(new KeptLexicons([point]).getDef('lex:com.example.defs#point')).toEqual(point.defs['point']);
    expect([...new KeptLexicons([point, place])].map(({ id }) => id)).toEqual(['com.example.defs', 'com.example.place']);
  });

  test.each(['#point', 'a#b#c'])('call a $type that names no type the fault of the value: %s', ($type) => {
    const choice: LexiconDoc = { lexicon: 1, id: 'com.example.choice', defs: { main: { type: 'record', key: 'tid', record: { type: 'object', properties: { at: { type: 'union', refs: ['com.example.defs#point'] } } } } } };
    const act: LexiconDoc = { lexicon: 1, id: 'com.example.act', defs: { main: { type: 'procedure', input: { encoding: 'application/json', schema: { type: 'object', properties: { at: { type: 'union', refs: ['com.example.defs#point'] } } } } } } };
    const lexicons = new KeptLexicons([point, choice, act]);
    const value = { $type: 'com.example.choice', at: { $type } };
    expect(lexicons.validate('com.example.choice', value)).toEqual({ success: false, error: new ValidationError('Record has a $type that names no type') });
    expect(() => lexicons.assertValidXrpcInput('com.example.act', value)).toThrow(new ValidationError('Input has a $type that names no type'));
    expect(() => lexicons.validate('com.example.nothing', value)).toThrow('not found');
  });

  test('refuse a second document of one name', () => {
    expect(() => new KeptLexicons([point, point])).toThrow('lexicon document is there twice: nsid=com.example.defs');
    expect(() => new KeptLexicons([point]).add(structuredClone(point))).toThrow('already');
  });
});
