/**
 * Resident memory of a PDS: idle, before anybody has used it; and the highest while 16 accounts write, list and export for
 * 15 seconds. Our PDS against the reference PDS. Other than times, memory hardly depends on how busy the machine is.
 * Prints JSON lines.
 */
import { ask, createPost, residentMb, signUp, withPair, type Subject } from './pds/pair.ts';
import { callFor, print } from './pds/rounds.ts';

const loadMs = 15_000;

/** The highest resident memory under a mixed load. */
async function loadedMb(subject: Subject): Promise<number> {
  await signUp(subject);
  let highestMb = 0;
  const timer = setInterval(() => (highestMb = Math.max(highestMb, residentMb(subject.pid))), 100);
  let turn = 0;
  await callFor(subject, { ms: loadMs }, async (who, index) => {
    const { did } = who.people[index];
    turn += 1;
    if (turn % 500 === 0) await ask(who, `com.atproto.sync.getRepo?did=${did}`);
    else if (turn % 10 === 0) await ask(who, `com.atproto.repo.listRecords?repo=${did}&collection=app.bsky.feed.post&limit=100`);
    else await createPost(who, index);
  });
  clearInterval(timer);
  return highestMb;
}

await withPair(async ({ ours, theirs }) => {
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const idle = { ours: residentMb(ours.pid), theirs: theirs && residentMb(theirs.pid) };
  const loaded = { ours: await loadedMb(ours), theirs: theirs && (await loadedMb(theirs)) };
  print('pds-memory, idle', { figure: idle.ours, unit: 'MB resident', ratio: idle.theirs && idle.theirs / idle.ours, theirs: idle.theirs ?? undefined, goal: '≤ 90 MB' });
  print('pds-memory, loaded', { figure: loaded.ours, unit: 'MB resident at most', ratio: loaded.theirs && loaded.theirs / loaded.ours, theirs: loaded.theirs ?? undefined, goal: '≤ 150 MB' });
}, { hasAccounts: false });
