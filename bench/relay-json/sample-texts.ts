/**
 * Made-up events of /subscribe as JSON text: what the dictionary is trained on.
 * Not through a log: the text is put together here, records in the key order of their DAG-CBOR as the stream has them.
 * Source: shares of kinds as seen on the network in 2026, see sample-records.ts.
 */
import { decode, encode } from '@dunlin/protocol/data/cbor';
import { toJson } from '@dunlin/protocol/data/json';
import { SampleRecords } from './sample-records.ts';

/** Gives `count` texts; the same for the same seed. */
export function sampleTexts(seed: number, count: number): Buffer[] {
  const samples = new SampleRecords(seed);
  return Array.from({ length: count }, () => Buffer.from(JSON.stringify(sampleEvent(samples))));
}

function sampleEvent(samples: SampleRecords): object {
  const did = samples.did();
  const envelope = { did, time_us: samples.timeMs * 1_000 + samples.below(1_000) };
  const time = new Date(samples.timeMs).toISOString();
  const seq = 4_294_967_296 + samples.below(1_000_000_000);
  const share = samples.below(1_000);
  if (share === 0) return { ...envelope, kind: 'identity', identity: { did, handle: `${samples.text(1)}.bsky.social`, seq, time } };
  if (share === 1) return { ...envelope, kind: 'account', account: { active: samples.below(2) === 0, did, seq, status: samples.pick(['deactivated', 'takendown', 'deleted']), time } };
  const { collection, rkey, record } = samples.next();
  const rev = samples.tid();
  if (share < 40) return { ...envelope, kind: 'commit', commit: { rev, operation: 'delete', collection, rkey } };
  const operation = share < 46 ? 'update' : 'create';
  return { ...envelope, kind: 'commit', commit: { rev, operation, collection, rkey, record: toJson(decode(encode(record))), cid: samples.cid().toString() } };
}
