/**
 * One walk over the bytes of a frame: where its fields lie, and that every byte is canonical DAG-CBOR. Decodes no value but the
 * few short ones that every reader needs. First stop of a frame in the relay; the input of repo/verify-commit.
 * Always checks: two items and nothing behind them, canonical form, types of the known fields of known kinds, seq where a kind
 * has one, the name of an error.
 * Does not check: other required fields, identifier syntax, sizes, the CAR, the operations' shape.
 * Source: atproto.com/specs/event-stream; lexicon com.atproto.sync.subscribeRepos.
 */
import { ProtocolError } from '../base/errors.ts';
import { maxFrameBytes } from '../base/limits.ts';
import { CborCursor } from '../data/cbor-cursor.ts';

/** Where things are in a frame. Offsets count from the frame's first byte; −1, null or undefined means that a field is absent. */
export class FrameScan {
  /** 1 for an event, −1 for an error; 0 only while the header is being read. */
  op = 0;
  /** `#commit` …; empty for an error frame. */
  t = '';
  bodyOffset = 0;
  /** The sequence number and the place of its CBOR integer. */
  seq = -1;
  seqOffset = -1;
  seqLength = 0;
  /** `repo` of a #commit, `did` of the others. */
  did: string | null = null;
  rev: string | null = null;
  /** Of a #commit: null is a null on the wire, undefined is absent. */
  since: string | null | undefined = undefined;
  time: string | null = null;
  /** Places of the 36-byte CIDs. */
  commitOffset = -1;
  prevDataOffset = -1;
  /** Place of the CAR itself, behind its CBOR head. */
  blocksOffset = -1;
  blocksLength = 0;
  /** Place of the CBOR array of operations, its head included. */
  opsOffset = -1;
  opsEnd = -1;
  opsCount = 0;
  blobsOffset = -1;
  tooBig: boolean | null = null;
  rebase: boolean | null = null;
  active: boolean | null = null;
  status: string | null = null;
  handle: string | null = null;
  /** `name` of an #info, `error` of an error frame. */
  name: string | null = null;
  message: string | null = null;
}

type ReadField = (cursor: CborCursor, scan: FrameScan) => void;

interface Field {
  readonly key: Uint8Array;
  readonly read: ReadField;
}

/** Known fields by length and first letter of the key, which no two of one kind share. */
type FieldTable = readonly (Field | undefined)[];

const slotOf = (length: number, first: number): number => ((length & 15) << 5) | (first & 31);

function fieldTable(fields: Readonly<Record<string, ReadField>>): FieldTable {
  const table: (Field | undefined)[] = Array.from({ length: 512 });
  for (const [name, read] of Object.entries(fields)) table[slotOf(name.length, name.charCodeAt(0))] = { key: Buffer.from(name), read };
  return table;
}

const headerFields = fieldTable({
  t: (cursor, scan) => { scan.t = cursor.textValue(); },
  op: (cursor, scan) => { scan.op = readOp(cursor); },
});

const common: Readonly<Record<string, ReadField>> = {
  seq: readSeq,
  did: (cursor, scan) => { scan.did = cursor.textValue(); },
  time: (cursor, scan) => { scan.time = cursor.textValue(); },
};

const bodyFields = new Map<string, FieldTable>([
  ['#commit', fieldTable({
    seq: readSeq,
    ops: readOps,
    blobs: readBlobs,
    blocks: readBlocks,
    repo: (cursor, scan) => { scan.did = cursor.textValue(); },
    rev: (cursor, scan) => { scan.rev = cursor.textValue(); },
    time: (cursor, scan) => { scan.time = cursor.textValue(); },
    since: (cursor, scan) => { scan.since = cursor.takeNull() ? null : cursor.textValue(); },
    commit: (cursor, scan) => { scan.commitOffset = cursor.link(); },
    prevData: (cursor, scan) => { scan.prevDataOffset = cursor.link(); },
    tooBig: (cursor, scan) => { scan.tooBig = cursor.boolean(); },
    rebase: (cursor, scan) => { scan.rebase = cursor.boolean(); },
  })],
  ['#sync', fieldTable({ ...common, blocks: readBlocks, rev: (cursor, scan) => { scan.rev = cursor.textValue(); } })],
  ['#identity', fieldTable({ ...common, handle: (cursor, scan) => { scan.handle = cursor.textValue(); } })],
  ['#account', fieldTable({
    ...common,
    active: (cursor, scan) => { scan.active = cursor.boolean(); },
    status: (cursor, scan) => { scan.status = cursor.textValue(); },
  })],
  ['#info', fieldTable({
    name: (cursor, scan) => { scan.name = cursor.textValue(); },
    message: (cursor, scan) => { scan.message = cursor.textValue(); },
  })],
]);

const errorFields = fieldTable({
  error: (cursor, scan) => { scan.name = cursor.textValue(); },
  message: (cursor, scan) => { scan.message = cursor.textValue(); },
});

const noFields = fieldTable({});

/**
 * Gives the places of a frame's fields. A kind that is not known has only `t`; its body is checked to be canonical all the same.
 * @throws ProtocolError FrameTooBig above 5,000,000 bytes
 * @throws ProtocolError InvalidFrame when anything above under "Always checks" fails
 */
export function scanFrame(bytes: Uint8Array): FrameScan {
  if (bytes.length > maxFrameBytes) throw new ProtocolError('FrameTooBig', `frame too big: bytes=${bytes.length} max=${maxFrameBytes}`);
  const scan = new FrameScan();
  const cursor = new CborCursor(bytes, 0, bytes.length, 'InvalidFrame');
  scanMap(cursor, scan, headerFields);
  if (scan.op === 0) cursor.fail('frame header has no op');
  if (scan.op === 1 && scan.t === '') cursor.fail('frame header has no t');
  scan.bodyOffset = cursor.offset;
  const table = scan.op === 1 ? bodyFields.get(scan.t) : errorFields;
  scanMap(cursor, scan, table ?? noFields);
  cursor.finish();
  if (scan.op === -1 && scan.name === null) cursor.fail('error frame has no error name');
  if (table !== undefined && scan.op === 1 && scan.t !== '#info' && scan.seqOffset < 0) cursor.fail('frame has no seq');
  return scan;
}

/** Header and body are a container around each of their values: what is too deep for whoever decodes the frame is so here. */
const insideMap = 1;

/** Reads one map: keys in canonical order, each value by its field's reader or as something unknown. */
function scanMap(cursor: CborCursor, scan: FrameScan, table: FieldTable): void {
  const { bytes } = cursor;
  let previousStart = 0;
  let previousLength = -1;
  for (let left = cursor.map(); left > 0; left--) {
    const keyHead = cursor.offset;
    const length = cursor.text();
    const start = cursor.offset;
    const isAfter = length > previousLength || (length === previousLength && isGreater(bytes, start, previousStart, length));
    if (!isAfter) cursor.fail('map keys are out of order or repeated');
    previousStart = start;
    previousLength = length;
    const field = length === 0 ? undefined : table[slotOf(length, bytes[start]!)];
    if (field !== undefined && isKey(bytes, start, length, field.key)) {
      cursor.offset = start + length;
      field.read(cursor, scan);
    } else {
      cursor.offset = keyHead;
      cursor.skip();
      cursor.skip(insideMap);
    }
  }
}

function isGreater(bytes: Uint8Array, start: number, previousStart: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    const difference = bytes[start + index]! - bytes[previousStart + index]!;
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function isKey(bytes: Uint8Array, start: number, length: number, key: Uint8Array): boolean {
  if (length !== key.length) return false;
  for (let index = 0; index < length; index++) if (bytes[start + index] !== key[index]) return false;
  return true;
}

function readOp(cursor: CborCursor): 1 | -1 {
  const byte = cursor.offset < cursor.end ? cursor.bytes[cursor.offset] : 0;
  if (byte !== 0x01 && byte !== 0x20) cursor.fail('frame header has an unknown op');
  cursor.offset++;
  return byte === 0x01 ? 1 : -1;
}

function readSeq(cursor: CborCursor, scan: FrameScan): void {
  scan.seqOffset = cursor.offset;
  scan.seq = cursor.unsigned();
  if (scan.seq === 0) cursor.fail('seq is zero');
  scan.seqLength = cursor.offset - scan.seqOffset;
}

function readBlocks(cursor: CborCursor, scan: FrameScan): void {
  scan.blocksLength = cursor.byteString();
  scan.blocksOffset = cursor.offset;
  cursor.offset += scan.blocksLength;
}

function readOps(cursor: CborCursor, scan: FrameScan): void {
  const { offset } = cursor;
  scan.opsOffset = offset;
  scan.opsCount = cursor.array();
  cursor.offset = offset;
  cursor.skip(insideMap);
  scan.opsEnd = cursor.offset;
}

function readBlobs(cursor: CborCursor, scan: FrameScan): void {
  scan.blobsOffset = cursor.offset;
  for (let left = cursor.array(); left > 0; left--) cursor.link();
}
