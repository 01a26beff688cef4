/**
 * The JSON text of an event, as Jetstream writes it, made once and kept with the event as a whole WebSocket text frame.
 * Records are written straight from their DAG-CBOR (protocol's json-writer.ts). Order of fields is that of Jetstream's README.
 * Place in the flow: first use by any of /subscribe, /events, /poll; the compressors read it too.
 * Source: Jetstream's README, "Example events".
 */
import { cidByteLength } from '@dunlin/protocol/data/cid';
import { JsonWriter } from '@dunlin/protocol/data/json-writer';
import { frameHeaderBytes, writeFrameHeader } from '@dunlin/service/websocket/frames';
import { findBlock } from './car-block.ts';
import type { JsonEvent, Operation } from './entry.ts';

const writer = new JsonWriter();

/** Gives the event as a whole text frame. */
export function textFrame(event: JsonEvent): Buffer {
  if (event.textFrame !== null) return event.textFrame;
  writer.begin();
  writeEvent(event);
  const frame = Buffer.allocUnsafe(frameHeaderBytes(writer.length) + writer.length);
  writer.copyTo(frame, writeFrameHeader(frame, 0, writer.length, 'text'));
  event.entry.memory.add(frame.length);
  event.textFrame = frame;
  return frame;
}

/** Gives the event's JSON alone, a view. */
export function eventText(event: JsonEvent): Buffer {
  const frame = textFrame(event);
  return frame.subarray(textOffset(frame));
}

/** Says where the text begins in a text frame. */
export function textOffset(frame: Buffer): number {
  const short = frame[1]!;
  return short < 126 ? 2 : short === 126 ? 4 : 10;
}

function writeEvent(event: JsonEvent): void {
  writer.ascii('{"did":');
  writer.text(event.did);
  writer.ascii(`,"time_us":${event.timeUs},"kind":"${event.kind}","${event.kind}":`);
  if (event.operation !== null) writeCommit(event, event.operation);
  else if (event.kind === 'account') writeAccount(event);
  else writeIdentity(event);
  writer.ascii('}');
}

function writeCommit(event: JsonEvent, { action, collection, rkey, cidOffset }: Operation): void {
  const { payload, scan } = event.entry;
  // Revs, collections, record keys and DIDs hold no character that JSON escapes: the relay checked their syntax.
  writer.ascii(`{"rev":"${scan.rev ?? ''}","operation":"${action}","collection":"${collection}","rkey":"${rkey}"`);
  if (cidOffset >= 0) {
    writer.ascii(',"record":');
    writer.item(findBlock(payload, scan.blocksOffset, scan.blocksOffset + scan.blocksLength, cidOffset), 0);
    writer.ascii(',"cid":');
    writer.cid(payload, cidOffset, cidOffset + cidByteLength);
  }
  writer.ascii('}');
}

function writeAccount(event: JsonEvent): void {
  const { scan } = event.entry;
  writer.ascii(`{"active":${scan.active === true},"did":`);
  writer.text(event.did);
  writer.ascii(`,"seq":${event.seq}`);
  writeField('status', scan.status);
  writeField('time', scan.time);
  writer.ascii('}');
}

function writeIdentity(event: JsonEvent): void {
  const { scan } = event.entry;
  writer.ascii('{"did":');
  writer.text(event.did);
  writeField('handle', scan.handle);
  writer.ascii(`,"seq":${event.seq}`);
  writeField('time', scan.time);
  writer.ascii('}');
}

function writeField(name: string, value: string | null): void {
  if (value === null) return;
  writer.ascii(`,"${name}":`);
  writer.text(value);
}
