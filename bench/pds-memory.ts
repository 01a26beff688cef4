/**
 * Resident memory of a PDS: idle, before anybody has used it; and the highest while 16 accounts write, list and export for
 * 15 seconds: flat out, each server as fast as it answers, by which the quicker one does more; and with the same work for both,
 * paced at the rate the reference has just shown, in processes that did nothing else. Our PDS against the reference PDS.
 * Ours is started once before: the first start with new code has none compiled and stays 14 MB above. Other than times, memory hardly
 * depends on how busy the machine is. Prints JSON lines.
 */
import { ask, createPost, residentMb, signUp, withPair, type Subject } from './pds/pair.ts';
import { callFor, print } from './pds/rounds.ts';

const loadMs = 15_000;

/** The highest resident memory under a mixed load, and how many calls a second it was. */
async function underLoad(subject: Subject, perSecond?: number): Promise<{ mb: number; perSecond: number }> {
  await signUp(subject);
  let highestMb = 0;
  const timer = setInterval(() => (highestMb = Math.max(highestMb, residentMb(subject.pid))), 100);
  let turn = 0;
  const round = await callFor(subject, { ms: loadMs, ...(perSecond !== undefined && { perSecond }) }, async (who, index) => {
    const { did } = who.people[index];
    turn += 1;
    if (turn % 500 === 0) await ask(who, `com.atproto.sync.getRepo?did=${did}`);
    else if (turn % 10 === 0) await ask(who, `com.atproto.repo.listRecords?repo=${did}&collection=app.bsky.feed.post&limit=100`);
    else await createPost(who, index);
  });
  clearInterval(timer);
  return { mb: highestMb, perSecond: round.perSecond };
}

function report(row: string, figures: { ours: number; theirs: number | null }, o: { unit: string; goal?: string }): void {
  print(`pds-memory, ${row}`, { figure: figures.ours, ratio: figures.theirs && figures.theirs / figures.ours, theirs: figures.theirs ?? undefined, ...o });
}

await withPair(() => new Promise((resolve) => setTimeout(resolve, 3_000)), { hasAccounts: false });

let perSecond = Number.NaN;
await withPair(async ({ ours, theirs }) => {
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  report('idle', { ours: residentMb(ours.pid), theirs: theirs && residentMb(theirs.pid) }, { unit: 'MB resident', goal: '≤ 90 MB' });
  const flatOut = { ours: await underLoad(ours), theirs: theirs && (await underLoad(theirs)) };
  const rates = `at ${Math.round(flatOut.ours.perSecond)} calls/s${flatOut.theirs ? ` against ${Math.round(flatOut.theirs.perSecond)}` : ''}`;
  report('flat out', { ours: flatOut.ours.mb, theirs: flatOut.theirs && flatOut.theirs.mb }, { unit: `MB resident at most, ${rates}`, goal: '≤ 150 MB' });
  perSecond = flatOut.theirs?.perSecond ?? Number.NaN;
}, { hasAccounts: false });

if (!Number.isNaN(perSecond)) {
  await withPair(async ({ ours, theirs }) => {
    if (theirs === null) return;
    const paced = { ours: await underLoad(ours, perSecond), theirs: await underLoad(theirs, perSecond) };
    const rates = `at ${Math.round(paced.ours.perSecond)} calls/s against ${Math.round(paced.theirs.perSecond)}`;
    report('the same work for both', { ours: paced.ours.mb, theirs: paced.theirs.mb }, { unit: `MB resident at most, ${rates}`, goal: '≤ 150 MB' });
  }, { hasAccounts: false });
}
