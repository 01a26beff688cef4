/**
 * The JSON of records as getRecord and listRecords answer it, written from packed records without a value in between.
 * The same bytes as JSON.stringify of the records in their JSON form gives, but for keys that look like integers.
 * Not for records that go through other hands first (`proxy/local-records.ts`). Source: lexicons of those methods.
 */
import { JsonWriter } from '@dunlin/protocol/data/json-writer';
import { partsAt } from '../../repo/packed-records.ts';

/** One serves the process: an answer is written in one go and copied out. */
const writer = new JsonWriter();

/** The collection that records stand in. */
export interface RecordShelf {
  readonly did: string;
  readonly collection: string;
}

/** Gives `{uri, cid, value}` of one packed record. */
export function recordJson(shelf: RecordShelf, record: Buffer): Buffer {
  writer.begin();
  writeRecord(openingOf(shelf), record, 0);
  return writer.take();
}

/** Gives `{records, cursor}` of a run of packed records; null is a run of none, and has no cursor. */
export function recordsJson(shelf: RecordShelf, run: Buffer | null): Buffer {
  writer.begin();
  writer.ascii('{"records":[');
  if (run !== null) writeRun(openingOf(shelf), run);
  else writer.ascii(']');
  writer.ascii('}');
  return writer.take();
}

function writeRun(opening: Buffer, run: Buffer): void {
  let last = 0;
  for (let offset = 0; offset < run.length; ) {
    if (offset > 0) writer.ascii(',');
    last = offset;
    offset = writeRecord(opening, run, offset);
  }
  writer.ascii('],"cursor":"');
  writer.raw(run, last, partsAt(run, last).keyEnd);
  writer.ascii('"');
}

/** What the JSON of every record of the collection begins with. DIDs, collections and keys hold nothing that JSON escapes. */
function openingOf({ did, collection }: RecordShelf): Buffer {
  return Buffer.from(`{"uri":"at://${did}/${collection}/`, 'latin1');
}

function writeRecord(opening: Buffer, run: Buffer, offset: number): number {
  const { keyEnd, cid, contents } = partsAt(run, offset);
  writer.raw(opening, 0, opening.length);
  writer.raw(run, offset, keyEnd);
  writer.ascii('","cid":');
  writer.cid(run, cid, contents);
  writer.ascii(',"value":');
  const end = writer.item(run, contents);
  writer.ascii('}');
  return end;
}
