/**
 * The forms in which the streams send events: JSON text frames, server-sent events, items of a JSON array, and the log's own frames.
 * Each puts a run of units side by side; what a unit is made of was made once for all (event-text.ts, the log).
 * Compressed text is in compressor.ts. Place in the flow: every feed has one. Source: RFC 6455; the HTML standard "Server-sent events".
 */
import type { Entry, JsonEvent, Judged } from './entry.ts';
import { eventText, textFrame, textOffset } from './event-text.ts';

/** What is sent or left out as a whole. */
export interface Unit extends Judged {
  readonly seq: number;
}

/** How units become bytes. */
export interface Encoding<U extends Unit> {
  /** Gives what an event of the log is in this form. */
  units(entry: Entry): readonly U[];
  /** Gives the size of a unit that filters by size and the bounds of a run go by, in bytes. */
  size(unit: U): number;
  /** Makes what is not there yet; null when nothing has to be waited for. */
  prepare(units: readonly U[]): Promise<void> | null;
  /** Gives a run of prepared units, all units of a seq that are wanted among them. The bytes are not changed afterwards. */
  join(units: readonly U[]): Buffer;
}

const jsonUnits = (entry: Entry): readonly JsonEvent[] => entry.events;
const jsonSize = (event: JsonEvent): number => {
  const frame = textFrame(event);
  return frame.length - textOffset(frame);
};

/** JSON, a WebSocket text frame an event. */
export const textEncoding: Encoding<JsonEvent> = {
  units: jsonUnits,
  size: jsonSize,
  prepare: () => null,
  join: (events) => joinBuffers(events.map(textFrame)),
};

/** The frames of the log, unchanged. */
export const frameEncoding: Encoding<Entry> = {
  units: (entry) => [entry],
  size: ({ frame }) => frame.length,
  prepare: () => null,
  join: (entries) => joinBuffers(entries.map(({ frame }) => frame)),
};

const dataBegin = Buffer.from('data: ');
const eventEnd = Buffer.from('\n\n');

/** Server-sent events. The id stands on the last event of a seq: who got only some of a commit's events gets it all again. */
export const sseEncoding: Encoding<JsonEvent> = {
  units: jsonUnits,
  size: jsonSize,
  prepare: () => null,
  join: (events) => joinBuffers(events.flatMap((event, index) => {
    const data = [dataBegin, eventText(event), eventEnd];
    return events[index + 1]?.seq === event.seq ? data : [Buffer.from(`id: ${event.seq}\n`, 'latin1'), ...data];
  })),
};

const comma = Buffer.from(',');

/** Items of a JSON array, without its brackets. */
export const arrayEncoding: Encoding<JsonEvent> = {
  units: jsonUnits,
  size: jsonSize,
  prepare: () => null,
  join: (events) => joinBuffers(events.flatMap((event, index) => (index === 0 ? [eventText(event)] : [comma, eventText(event)]))),
};

/** Gives buffers side by side; one alone as it is. */
export function joinBuffers(buffers: readonly Buffer[]): Buffer {
  const [first] = buffers;
  return buffers.length === 1 && first !== undefined ? first : Buffer.concat(buffers);
}
