/**
 * Shapes of what the app view and the PDSes say, as far as the page reads them.
 * Not for making requests: pds.ts, queries.ts and gateway.ts do that.
 * Source: lexicons/app.dunlin.live.*.json.
 */

export interface Person {
  readonly did: string;
  readonly handle?: string;
}

export interface ValueCount {
  readonly class: string;
  readonly value: string;
  readonly key: string;
  readonly people: number;
}

export interface SourceTotal extends ValueCount {
  readonly collection: string;
}

export interface Counts {
  readonly subject: string;
  readonly version: number;
  readonly people: number;
  readonly values: readonly ValueCount[];
  readonly totals: readonly SourceTotal[];
}

export interface Reaction {
  readonly uri: string;
  readonly author: Person;
  readonly collection: string;
  readonly value: string;
  readonly key: string;
}

export interface Message {
  readonly uri: string;
  readonly author: Person;
  readonly record: { readonly text: string; readonly createdAt: string };
}

export interface RoomInfo {
  readonly uri: string;
  readonly owner: Person;
  readonly record: { readonly name: string; readonly description?: string };
}

export interface Who extends Person {
  readonly sinceMs?: number;
}

/** Frames the page acts on; others are passed by. */
export type Frame =
  | { readonly $type: '#hello'; readonly did?: string; readonly pingSeconds: number }
  | { readonly $type: '#reply'; readonly id?: number; readonly ok: boolean; readonly error?: string; readonly message?: string }
  | { readonly $type: '#snapshot'; readonly room: string; readonly epoch: string; readonly seq: number; readonly recovered: boolean; readonly capabilities: readonly string[]; readonly state?: { readonly room: RoomInfo; readonly messages: readonly Message[] } }
  | { readonly $type: '#message'; readonly room: string; readonly epoch: string; readonly seq: number; readonly uri: string; readonly author: string; readonly handle?: string; readonly record: Message['record'] }
  | { readonly $type: '#settled'; readonly room: string; readonly epoch: string; readonly seq: number; readonly uri: string; readonly outcome: string }
  | { readonly $type: '#mod'; readonly room: string; readonly epoch: string; readonly seq: number; readonly action: string; readonly subject?: { readonly did?: string } }
  | { readonly $type: '#presence'; readonly room: string; readonly mode: string; readonly online: number; readonly full?: boolean; readonly joins?: readonly Who[]; readonly leaves?: readonly Who[] }
  | { readonly $type: '#person'; readonly did: string; readonly handle?: string }
  | { readonly $type: '#left'; readonly room: string; readonly error: string; readonly message?: string }
  | ({ readonly $type: '#counts' } & Counts)
  | { readonly $type: '#bye'; readonly code: number; readonly reason?: string; readonly reconnect: boolean; readonly afterMs?: number };

export interface DemoUser {
  readonly pds: string;
  readonly handle: string;
  readonly did: string;
  readonly password: string;
}

export interface Demo {
  readonly subject: string;
  readonly room: string;
  readonly users: readonly DemoUser[];
}
