/**
 * Reads what a client sends: JSON text whose `$type` is the short name of a command in app.dunlin.live.send.
 * Not for doing it (session.ts).
 * Source: ours, see lexicons/app.dunlin.live.send.json.
 */
import type { Lexicons } from '@atproto/lexicon';
import type { RoomPosition } from './replay-buffer.ts';

/** A command that fits its lexicon. */
export type Command =
  | { readonly $type: '#auth'; readonly id?: number; readonly token?: string }
  | { readonly $type: '#join'; readonly id?: number; readonly room: string; readonly recover?: RoomPosition; readonly history: number }
  | { readonly $type: '#leave'; readonly id?: number; readonly room: string }
  | { readonly $type: '#track'; readonly id?: number; readonly subjects: readonly string[] }
  | { readonly $type: '#untrack'; readonly id?: number; readonly subjects: readonly string[] }
  | { readonly $type: '#lease'; readonly id?: number };

/** What came of reading: a command; a refusal that can be answered; or null for what is no command at all. */
export type ReadCommand = { readonly command: Command } | { readonly refusal: string; readonly id: number | null } | null;

const commandTypes: ReadonlySet<string> = new Set<Command['$type']>(['#auth', '#join', '#leave', '#track', '#untrack', '#lease']);

/** Makes the reader from loaded lexicons. */
export function createCommandReader(lexicons: Lexicons): (text: string) => ReadCommand {
  return (text) => {
    const json = parseObject(text);
    if (json === null) return null;
    const { $type, ...body } = json;
    const id = Number.isSafeInteger(body['id']) ? Number(body['id']) : null;
    if (typeof $type !== 'string' || !commandTypes.has($type)) return { refusal: `$type must be one of ${[...commandTypes].join(' ')}`, id };
    const result = lexicons.validate(`app.dunlin.live.send${$type}`, body);
    if (!result.success) return { refusal: result.error.message.replace(/^Object\/?/, ''), id };
    return { command: { ...(result.value as object), $type } as Command };
  };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
