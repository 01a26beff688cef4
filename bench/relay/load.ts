/**
 * Made-up load for the relay's benches: accounts with repositories of some size, one create a commit, as most of the
 * network's traffic is; frames as a host would send them.
 * Not a bench itself. Source: ours; sizes after the field's measurements (a #commit is 5.5 kB on average).
 */
import { FakeAccount, createWrite } from '../../tests/relay/fixture/fake-account.ts';
import type { FakeDirectory } from '../../tests/relay/fixture/fake-directory.ts';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';

const collections = ['app.bsky.feed.like', 'app.bsky.feed.post', 'app.bsky.graph.follow', 'app.bsky.feed.repost'];

/** Gives frames of so many commits, of the accounts in turn; seq from 1 on. */
export function makeCommits(o: { accounts: number; recordsEach: number; commits: number; directory: FakeDirectory; origin: string }): Uint8Array[] {
  let micros = 1_750_000_000_000_000;
  const rkey = (): string => tidFromMicros((micros += 1_000_003), 1);
  const accounts = Array.from({ length: o.accounts }, () => {
    const account = new FakeAccount();
    o.directory.add(account, o.origin);
    for (let made = 0; made < o.recordsEach; made += 200) {
      account.commit(Array.from({ length: 200 }, (_, i) => createWrite(rkey(), 120, collections[i % collections.length])));
    }
    return account;
  });
  const frames: Uint8Array[] = [];
  for (let n = 0; n < o.commits; n++) {
    const account = accounts[n % accounts.length];
    if (!account) break;
    frames.push(encodeEvent({ ...account.commit([createWrite(rkey(), 120, collections[n % collections.length])]), seq: n + 1 }));
  }
  return frames;
}
