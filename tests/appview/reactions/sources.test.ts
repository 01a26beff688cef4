/** The table of reaction sources: what our lines read, what operators may add, what is refused. */
import { builtInSources, mergeSources, readReaction, sourceFaults, type ReactionSource } from '@dunlin/appview/reactions/sources';

const subject = 'at://did:plc:44ybard66vv44zksje25o7dz/app.bsky.feed.post/3jwdwj2ctlk26';
const lineOf = (collection: string): ReactionSource => builtInSources.find((source) => source.collection === collection) as ReactionSource;

test('the table we ship has no faults', () => {
  expect(sourceFaults(builtInSources)).toEqual([]);
});

test('our reaction is read with its emoji, in the normal form of its subject', () => {
  expect(readReaction(lineOf('app.dunlin.live.reaction'), { subject: { uri: 'http://example.com#x' }, value: '👍🏽' })).toEqual({
    subject: 'https://example.com/', class: 'reaction', key: '👍', value: '👍',
  });
});

test('a like of another app is a heart with the key of our heart', () => {
  const like = readReaction(lineOf('app.bsky.feed.like'), { subject: { uri: subject, cid: 'x' } });
  const heart = readReaction(lineOf('app.dunlin.live.reaction'), { subject: { uri: subject }, value: '❤️' });
  expect(like).toEqual(heart);
});

test('a custom emoji is grouped by its URI and shown by its value', () => {
  const emoji = 'at://did:plc:44ybard66vv44zksje25o7dz/blue.moji.collection.item/party';
  expect(readReaction(lineOf('app.dunlin.live.reaction'), { subject: { uri: subject }, value: '🎉', emoji: { uri: emoji, name: 'party' } })).toMatchObject({ key: emoji, value: '🎉' });
});

test.each([
  [{ value: '❤️' }, 'badSubject'],
  [{ subject: { uri: 7 }, value: '❤️' }, 'badSubject'],
  [{ subject: { uri: 'javascript:x' }, value: '❤️' }, 'badSubject'],
  [{ subject: { uri: subject } }, 'badValue'],
  [{ subject: { uri: subject }, value: 'no' }, 'badValue'],
  [null, 'badSubject'],
  ['text', 'badSubject'],
])('%j is refused: %s', (record, refusal) => {
  expect(readReaction(lineOf('app.dunlin.live.reaction'), record)).toBe(refusal);
});

test('a path does not reach into what objects inherit', () => {
  const source = { collection: 'a.b.c', subjectPath: '.constructor.name', value: '❤️', class: 'reaction' };
  expect(readReaction(source, {})).toBe('badSubject');
});

test('an operator adds a line, and replaces ours for the same collection', () => {
  const added = { collection: 'com.example.clap', subjectPath: '.about', value: '👏', class: 'reaction' };
  const changed = { ...lineOf('app.bsky.feed.like'), class: 'like' };
  const table = mergeSources([added, changed]);
  expect(table).toHaveLength(builtInSources.length + 1);
  expect(table).toContainEqual(added);
  expect(table.find(({ collection }) => collection === 'app.bsky.feed.like')?.class).toBe('like');
});

test.each([
  [{ collection: 'nonsense', subjectPath: '.a', value: '❤️', class: 'reaction' }, 'collection is no NSID'],
  [{ collection: 'a.b.c', subjectPath: 'a', value: '❤️', class: 'reaction' }, 'path is not .name.name'],
  [{ collection: 'a.b.c', subjectPath: '.a', class: 'reaction' }, 'needs value or valuePath'],
  [{ collection: 'a.b.c', subjectPath: '.a', value: '❤️', valuePath: '.v', class: 'reaction' }, 'needs value or valuePath'],
  [{ collection: 'a.b.c', subjectPath: '.a', value: 'like', class: 'reaction' }, 'value is no emoji'],
  [{ collection: 'a.b.c', subjectPath: '.a', value: '❤️', class: 'Not A Word' }, 'class is no lower-case word'],
])('%j has a fault', (source, fault) => {
  expect(sourceFaults([source]).join()).toContain(fault);
});

const lines = (count: number): ReactionSource[] => Array.from({ length: count }, (_, index) => ({ collection: `a.b.c${index}`, subjectPath: '.a', value: '❤️', class: 'reaction' }));

test('64 lines are allowed, 65 are not, and no collection twice', () => {
  expect(sourceFaults(lines(64))).toEqual([]);
  expect(sourceFaults(lines(65))).toHaveLength(1);
  expect(sourceFaults([...lines(1), ...lines(1)])).toHaveLength(1);
});
