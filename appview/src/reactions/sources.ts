/**
 * The table of records that count as reactions, and how to read one: which collection, where the subject stands, what it means.
 * A new app is a new line here, or in the operator's JSON file, never new code.
 * Takes records as JSON (data model in its JSON form); reads nothing else of them.
 * Source: ours, see lexicons/app.dunlin.live.defs.json#reactionSource.
 */
import { isValidNsid } from '@atproto/syntax';
import { emojiForKey, emojiKey } from './emoji-key.ts';
import { normalSubject } from './subject-uri.ts';

/** One line of the table. Has `value` (every record means this emoji) or `valuePath`. */
export interface ReactionSource {
  readonly collection: string;
  /** Where the subject URI stands, as .name.name. */
  readonly subjectPath: string;
  readonly value?: string;
  readonly valuePath?: string;
  /** Where the URI of a custom emoji stands; when there is one it is the key. */
  readonly emojiPath?: string;
  /** Sources of one class are merged, each person once. */
  readonly class: string;
}

/** What a record says, in normal forms. */
export interface Reaction {
  readonly subject: string;
  readonly class: string;
  /** What is grouped by: an emoji key, or the URI of a custom emoji. */
  readonly key: string;
  /** The emoji to show. */
  readonly value: string;
}

/** Why a record does not count. */
export type ReactionRefusal = 'badSubject' | 'badValue';

/** The class that `people` of a subject is counted over. */
export const mainClass = 'reaction';

/** The table we ship. Likes of other apps are hearts: one person with a like and our heart is one person. */
export const builtInSources: readonly ReactionSource[] = [
  { collection: 'app.dunlin.live.reaction', subjectPath: '.subject.uri', valuePath: '.value', emojiPath: '.emoji.uri', class: mainClass },
  { collection: 'app.bsky.feed.like', subjectPath: '.subject.uri', value: '❤️', class: mainClass },
  { collection: 'community.lexicon.interaction.like', subjectPath: '.subject.uri', value: '❤️', class: mainClass },
  { collection: 'place.stream.like', subjectPath: '.subject', value: '❤️', class: mainClass },
  { collection: 'site.standard.graph.recommend', subjectPath: '.document', value: '❤️', class: mainClass },
  { collection: 'social.colibri.reaction', subjectPath: '.parent', valuePath: '.emoji', class: mainClass },
];

/** Most lines in a table; lexicon bound of how many totals a count can show. */
export const maxSources = 64;
const maxClasses = 16;
const maxEmojiUriBytes = 2048;

const pathSyntax = /^(\.[A-Za-z][A-Za-z0-9]*){1,8}$/;

/** Gives the faults of an operator's table, each a sentence; none when it is good. */
export function sourceFaults(sources: readonly ReactionSource[]): string[] {
  const faults = sources.flatMap((source, index) => lineFaults(source).map((fault) => `line ${index + 1}: ${fault}`));
  const collections = new Set(sources.map(({ collection }) => collection));
  if (collections.size < sources.length) faults.push('a collection stands in the table twice');
  if (sources.length > maxSources) faults.push(`too many lines: ${sources.length} > ${maxSources}`);
  if (new Set(sources.map((source) => source.class)).size > maxClasses) faults.push(`too many classes: more than ${maxClasses}`);
  return faults;
}

function lineFaults(source: ReactionSource): string[] {
  const faults: string[] = [];
  if (!isValidNsid(source.collection)) faults.push('collection is no NSID');
  for (const path of [source.subjectPath, source.valuePath, source.emojiPath]) {
    if (path !== undefined && !pathSyntax.test(path)) faults.push(`path is not .name.name: ${path}`);
  }
  if ((source.value === undefined) === (source.valuePath === undefined)) faults.push('needs value or valuePath, and not both');
  if (source.value !== undefined && emojiKey(source.value) === null) faults.push(`value is no emoji: ${source.value}`);
  if (!/^[a-z][a-zA-Z]{0,63}$/.test(source.class)) faults.push(`class is no lower-case word: ${source.class}`);
  return faults;
}

/** Lays the operator's lines over the built-in ones: a line for the same collection replaces ours. */
export function mergeSources(operatorSources: readonly ReactionSource[]): readonly ReactionSource[] {
  const table = new Map(builtInSources.map((source) => [source.collection, source]));
  for (const source of operatorSources) table.set(source.collection, source);
  return [...table.values()];
}

/** Reads a record by its line of the table. */
export function readReaction(source: ReactionSource, record: unknown): Reaction | ReactionRefusal {
  const given = at(record, source.subjectPath);
  const subject = typeof given === 'string' ? normalSubject(given) : null;
  if (subject === null) return 'badSubject';
  const value = source.value ?? at(record, source.valuePath ?? '');
  const key = typeof value === 'string' && value.length <= 64 ? emojiKey(value) : null;
  if (key === null) return 'badValue';
  const custom = source.emojiPath === undefined ? undefined : at(record, source.emojiPath);
  if (typeof custom === 'string' && custom.startsWith('at://') && custom.length <= maxEmojiUriBytes) {
    return { subject: subject.uri, class: source.class, key: custom, value: emojiForKey(key) };
  }
  return { subject: subject.uri, class: source.class, key, value: emojiForKey(key) };
}

function at(record: unknown, path: string): unknown {
  let value = record;
  for (const name of path.split('.').slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
