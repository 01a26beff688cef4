/**
 * What the relay and a process that serves its consumers say to each other.
 * Not for frames: those stand in the log's files, where both read them. Order matters, and the channel keeps it: a consumer
 * is given away only behind word of every event that was durable by then, so a cursor it has from another process is never
 * in the future here. Source: ours, see docs/decisions/0018.
 */
import type { ConsumerInfo } from '@dunlin/service/firehose/outbox';
import type { Figures } from '@dunlin/service/metrics/registry';
import type { LogLevel } from '@dunlin/service/log/logger';
import type { LogGrowth } from '../log/followed-log.ts';

/** A consumer, and which of the streams it reads when that is not the plain subscribeRepos. */
export interface ListedConsumer extends ConsumerInfo {
  readonly stream?: string;
}

/** How a process begins. */
export interface Beginning {
  readonly folder: string;
  readonly log: LogGrowth;
  readonly serverName: string;
  readonly logLevel: LogLevel;
  readonly maxHeaderBytes: number;
  readonly ringBytes: number;
}

/** What is asked for and answered by `done` with the same id. */
export type Request =
  /** Frames in memory are forgotten: some of them were taken down. */
  | { readonly kind: 'forget' }
  /** The oldest segment leaves the window; when this is done its files are removed. */
  | { readonly kind: 'dropOldest' }
  | { readonly kind: 'consumers' }
  | { readonly kind: 'figures' }
  /** Consumers are sent away; the process ends when they are gone. */
  | { readonly kind: 'close' };

/** To a process. */
export type ToProcess =
  | { readonly kind: 'begin'; readonly with: Beginning }
  | { readonly kind: 'grow'; readonly growth: LogGrowth }
  /** A consumer's connection comes with this; see service/http/hand-over. */
  | { readonly kind: 'connection'; readonly id: number; readonly head: string }
  | { readonly kind: 'request'; readonly id: number; readonly request: Request };

/** From a process. */
export type FromProcess =
  /** It hears; `begin` may be sent. */
  | { readonly kind: 'up' }
  /** It serves. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'ended'; readonly id: number }
  | { readonly kind: 'done'; readonly id: number; readonly consumers?: readonly ListedConsumer[]; readonly figures?: Figures }
  /** It found our own fault, such as a damaged log; it ends. */
  | { readonly kind: 'fault'; readonly message: string };

/** The answer to a request; null when the process ended instead. */
export type Answer = Extract<FromProcess, { kind: 'done' }> | null;
