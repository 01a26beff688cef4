/** The indexer: one transaction for rows and cursor, changes told afterwards, repeats passed by, statuses. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Change, Changes } from '@dunlin/appview/index/changes';
import { builtInSources } from '@dunlin/appview/reactions/sources';
import { account, createdAt, like, message, person, post, react, remove, room, roomUri, smallIndex, type SmallIndex } from '../small-index.ts';
import { temporaryFolder } from '../../harness/temporary.ts';

const [ada, ben, cleo] = [1, 2, 3].map(person);
const hide = roomUri(ada, 'hide');
let index: SmallIndex;
let told: Changes[];

beforeEach(() => {
  index = smallIndex();
  told = [];
  index.feed.listen((changes) => void told.push(changes));
});
afterEach(() => index.store.close());

const people = (subject = post): number => index.store.reactions.count(subject).classes[0]?.people ?? 0;
const texts = (uri = hide): string[] =>
  index.store.messages.list({ room: uri, before: null, notBeforeMs: 0, nowMs: index.clock.nowMs(), limit: 100 }).map(({ record }) => JSON.parse(record).text);
const kinds = (): Change['kind'][] => told.flatMap(({ inOrder }) => inOrder.map(({ kind }) => kind));

test('a person with a like and our heart counts once, merged, and once in each source', () => {
  index.apply(index.commit(ada, react('a', '❤️')), index.commit(ada, like('a')), index.commit(ben, like('b')));
  const counts = index.store.reactions.count(post);
  expect(counts.classes).toEqual([{ class: 'reaction', people: 2 }]);
  expect(counts.values).toEqual([{ class: 'reaction', value: '❤️', key: '❤', people: 2 }]);
  expect(counts.totals.map(({ collection, people: count }) => [collection, count])).toEqual([['app.bsky.feed.like', 2], ['app.dunlin.live.reaction', 1]]);
});

test('a record put again with another value moves its count, and deleted takes it away', () => {
  index.apply(index.commit(ada, react('a', '❤️')));
  index.apply(index.commit(ada, react('a', '🎉')));
  expect(index.store.reactions.count(post).values.map(({ key }) => key)).toEqual(['🎉']);
  index.apply(index.commit(ada, remove('app.dunlin.live.reaction', 'a')));
  expect(people()).toBe(0);
  expect(told.map(({ subjects }) => [...subjects])).toEqual([[post], [post], [post]]);
});

test('a record put again about another subject tells both', () => {
  index.apply(index.commit(ada, react('a', '❤️')));
  index.apply(index.commit(ada, react('a', '❤️', 'https://example.com/')));
  expect([...told[1].subjects].sort()).toEqual([post, 'https://example.com/']);
  expect([people(), people('https://example.com/')]).toEqual([0, 1]);
});

test('a record that does not fit its lexicon is not counted, and takes away what it replaced', () => {
  index.apply(index.commit(ada, react('a', '❤️')));
  index.apply(index.commit(ada, react('a', '👍👍')));
  expect(people()).toBe(0);
  expect(index.outcomes).toEqual(['indexed', 'invalidRecord']);
});

test('a letter fits the lexicon but is no reaction', () => {
  index.apply(index.commit(ada, react('a', 'x')));
  expect([people(), index.outcomes]).toEqual([0, ['badValue']]);
});

test('collections of nobody here are passed by', () => {
  index.apply(index.commit(ada, { action: 'put', collection: 'app.bsky.feed.post', rkey: 'a', cid: 'x', record: {} }));
  expect(index.outcomes).toEqual([]);
});

test('a commit told again is passed by, one with a newer rev is not', () => {
  const first = index.commit(ada, react('a', '❤️'));
  const second = index.commit(ada, remove('app.dunlin.live.reaction', 'a'));
  index.apply(first, second, first);
  expect(people()).toBe(0);
});

test.each(['deactivated', 'takendown', 'suspended'])('an account %s stops counting and counts again when it is back', (status) => {
  index.apply(index.commit(ada, react('a', '❤️')), index.commit(ben, react('b', '❤️')));
  index.apply(account(ada, status));
  expect(people()).toBe(1);
  index.apply(account(ada, 'active'));
  expect(people()).toBe(2);
  expect(told.map(({ subjects }) => [...subjects])).toEqual([[post], [post], [post]]);
});

test('what an account does while it is not active counts only once it is back, and is not told before', () => {
  index.apply(account(ada, 'deactivated'));
  index.apply(index.commit(ada, react('a', '❤️')));
  expect([people(), told.flatMap(({ subjects }) => [...subjects])]).toEqual([0, []]);
  index.apply(account(ada, 'active'));
  expect(people()).toBe(1);
});

test('a deleted account has no rows left, and may begin anew', () => {
  index.apply(index.commit(ada, react('a', '❤️'), room('hide'), message('m', hide, 'hello')));
  const again = index.commit(ada, react('z', '🎉'));
  index.apply(account(ada, 'deleted'));
  index.apply(account(ada, 'active'));
  expect([people(), index.store.rooms.find(hide), texts()]).toEqual([0, null, []]);
  index.apply({ ...again, rev: '2222222222222' } as typeof again);
  expect(people()).toBe(1);
});

test('rows and cursor are both there after opening the index again', async () => {
  const folder = await temporaryFolder();
  const before = smallIndex(builtInSources, `${folder.path}/index.sqlite`);
  before.indexer.apply([before.commit(ada, react('a', '❤️'))], { service: 'wss://relay', seq: 41 });
  before.store.close();
  const after = smallIndex(builtInSources, `${folder.path}/index.sqlite`);
  expect([after.store.cursor('wss://relay'), after.store.cursor('wss://other')]).toEqual([41, null]);
  expect(after.store.reactions.count(post).classes[0]?.people).toBe(1);
  after.store.close();
  await folder.remove();
});

test('when one event of a batch cannot be written, neither rows nor cursor of it are kept, and nobody is told', () => {
  const broken = { ...room('x'), rkey: null as unknown as string };
  expect(() => index.indexer.apply([index.commit(cleo, react('a', '❤️')), index.commit(ben, broken)], { service: 's', seq: 9 })).toThrow();
  expect([people(), index.store.cursor('s'), told]).toEqual([0, null, []]);
  index.apply(index.commit(cleo, react('a', '❤️')));
  expect(people()).toBe(1);
});

test('a source that left the table no longer counts', async () => {
  const folder = await temporaryFolder();
  const path = `${folder.path}/index.sqlite`;
  const before = smallIndex(builtInSources, path);
  before.apply(before.commit(ada, like('a')), before.commit(ben, react('b', '❤️')));
  before.store.close();
  const after = smallIndex(builtInSources.filter(({ collection }) => collection !== 'app.bsky.feed.like'), path);
  expect(after.store.reactions.count(post).classes[0]?.people).toBe(1);
  after.store.close();
  await folder.remove();
});

test('a version rises with every write', () => {
  const { version } = index.store;
  index.apply(index.commit(ada, react('a', '❤️')));
  expect(index.store.version).toBe(version + 1);
});

test('messages are listed newest first, by the earlier of their date and their arrival', () => {
  index.apply(index.commit(ada, room('hide')));
  index.apply(index.commit(ben, message('1', hide, 'from the future', { createdAt: '2030-01-01T00:00:00Z' })));
  index.clock.advance(1_000);
  index.apply(index.commit(ben, message('2', hide, 'second', { createdAt: new Date(index.clock.nowMs()).toISOString() })));
  index.apply(index.commit(ben, message('3', hide, 'from the past', { createdAt: '2025-06-01T00:00:00Z' })));
  expect(texts()).toEqual(['second', 'from the future', 'from the past']);
});

test('a message changed keeps its place, and deleted it is gone', () => {
  index.apply(index.commit(ada, room('hide')), index.commit(ben, message('1', hide, 'one')), index.commit(ben, message('2', hide, 'two')));
  index.apply(index.commit(ben, message('1', hide, 'one, changed')));
  expect(texts()).toEqual(['two', 'one, changed']);
  index.apply(index.commit(ben, remove('app.dunlin.live.message', '1')));
  expect(texts()).toEqual(['two']);
  expect(kinds()).toEqual(['room', 'messagePut', 'messagePut', 'messagePut', 'messageRemoved']);
});

test('a message that came before its room is shown once the room is there', () => {
  index.apply(index.commit(ben, message('1', hide, 'early')));
  expect([texts(), kinds()]).toEqual([[], []]);
  index.apply(index.commit(ada, room('hide')));
  expect(texts()).toEqual(['early']);
});

test('in a room that is not open to them, or is read-only, a message of another person is kept but not shown', () => {
  const inviteOnly = { access: { $type: 'app.dunlin.live.room#inviteOnly' } };
  index.apply(index.commit(ada, room('hide', { policy: { readOnly: true } }), room('club', inviteOnly)));
  index.apply(index.commit(ben, message('1', hide, 'from ben'), message('2', roomUri(ada, 'club'), 'from ben')));
  index.apply(index.commit(ada, message('1', hide, 'from ada'), message('2', roomUri(ada, 'club'), 'from ada')));
  expect([texts(), texts(roomUri(ada, 'club'))]).toEqual([['from ada'], ['from ada']]);
});

test('messages of an account that is not active are not shown, and its rooms are not found', () => {
  index.apply(index.commit(ada, room('hide')), index.commit(ben, message('1', hide, 'hello')));
  index.apply(account(ben, 'deactivated'));
  expect(texts()).toEqual([]);
  expect(told.at(-1)?.inOrder).toEqual([{ kind: 'account', did: ben, isVisible: false, rooms: [hide] }]);
  index.apply(account(ada, 'takendown'));
  expect(index.store.rooms.find(hide)).toBeNull();
  index.apply(account(ben, 'active'), account(ada, 'active'));
  expect([texts(), index.store.rooms.find(hide)?.uri]).toEqual([['hello'], hide]);
});

test('an account that turns many times in one batch is told once, at its end, as it then is', () => {
  index.apply(index.commit(ada, room('hide')), index.commit(ben, message('1', hide, 'hello'), like('1')));
  const turns = Array.from({ length: 300 }, (_, number) => account(ben, number % 2 === 0 ? 'deactivated' : 'active'));
  index.apply(...turns, index.commit(ada, message('2', hide, 'still here?')));
  expect(told.at(-1)?.inOrder.map((change) => (change.kind === 'account' ? change.isVisible : change.kind))).toEqual(['messagePut', true]);
  expect([...(told.at(-1)?.subjects ?? [])]).toEqual([post]);
  index.apply(account(ben, 'active'), account(ben, 'deactivated'));
  expect(told.at(-1)?.inOrder).toEqual([{ kind: 'account', did: ben, isVisible: false, rooms: [hide] }]);
});

test('an account deleted and back in one batch is told both, and nothing of what it had', () => {
  index.apply(index.commit(ada, room('hide')), index.commit(ben, message('1', hide, 'hello')));
  index.apply(account(ben, 'deleted'), account(ben, 'active'));
  expect(told.at(-1)?.inOrder).toEqual([{ kind: 'account', did: ben, isVisible: false, rooms: [hide] }, { kind: 'account', did: ben, isVisible: true, rooms: [] }]);
});

test('a status of any length is kept up to 64 characters', () => {
  index.apply(account(ada, 'x'.repeat(1_000_000)));
  expect(index.store.accounts.find(ada)?.status).toBe('x'.repeat(64));
});

test.each(['https://example.com/', `at://${ada}/app.bsky.feed.post/x`, 'at://ada.example/app.dunlin.live.room/x', `at://${ada}/app.dunlin.live.room`])('a message to %s is to no room', (uri) => {
  index.apply(index.commit(ben, message('1', uri, 'hello')));
  expect(['badRoom', 'invalidRecord']).toContain(index.outcomes[0]);
});

test('a message of 65,536 characters of JSON is kept, a larger one is not', () => {
  index.apply(index.commit(ada, room('hide')));
  const bare = JSON.stringify((message('1', hide, 'hello', { extra: '' }) as { record: unknown }).record).length;
  index.apply(index.commit(ben, message('1', hide, 'fits', { extra: 'x'.repeat(65_536 - bare + 1) })), index.commit(ben, message('2', hide, 'hello', { extra: 'x'.repeat(65_536 - bare + 1) })));
  expect([texts(), index.outcomes.slice(1)]).toEqual([['fits'], ['indexed', 'tooBig']]);
});

test('an identity event makes the handle due, and what was found is told', () => {
  index.apply({ kind: 'identity', did: ada });
  expect(index.store.accounts.handlesDue(10)).toEqual([ada]);
  index.indexer.applyHandle(ada, 'ada.example');
  expect([index.store.accounts.handlesDue(10), index.store.accounts.find(ada)?.handle]).toEqual([[], 'ada.example']);
  index.indexer.applyHandle(ada, 'ada.example');
  index.indexer.applyHandle(ada, null);
  expect(told.flatMap(({ inOrder }) => inOrder)).toEqual([{ kind: 'handle', did: ada, handle: 'ada.example' }, { kind: 'handle', did: ada, handle: null }]);
});

test('rooms are listed newest first while they are open and have not ended', () => {
  const later = new Date(index.clock.nowMs() + 60_000).toISOString();
  index.apply(index.commit(ada, room('one', { subject: { $type: 'app.dunlin.live.reaction#webSubject', uri: 'https://example.com/' } }), room('two', { expiresAt: later }),
    room('three', { access: { $type: 'app.dunlin.live.room#inviteOnly' } }), room('four', { access: { $type: 'app.dunlin.live.room#public', anonymousRead: false } }),
    room('five', { storage: 'transient' })));
  const names = (filter: Partial<Parameters<typeof index.store.rooms.list>[0]> = {}): string[] =>
    index.store.rooms.list({ ownerDid: null, subject: null, beforeId: null, nowMs: index.clock.nowMs(), limit: 10, ...filter }).map(({ uri }) => uri.split('/')[4]);
  expect(names()).toEqual(['two', 'one']);
  expect(names({ subject: 'https://example.com/' })).toEqual(['one']);
  expect(names({ ownerDid: ben })).toEqual([]);
  index.clock.advance(60_000);
  expect(names()).toEqual(['one']);
});

test('a record with the date of nowhere is refused', () => {
  index.apply(index.commit(ada, room('hide', { createdAt: 'yesterday' })));
  expect([index.outcomes, createdAt.length]).toEqual([['invalidRecord'], 24]);
});
