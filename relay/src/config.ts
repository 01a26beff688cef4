/**
 * Settings of the relay, read from RELAY_* variables.
 * Names and meanings are those of the indigo relay where it has them; the rest is ours.
 * Not for bounds of the protocol (protocol/base/limits). Source: ours, docs/operations.md is made from this file.
 */
import { availableParallelism } from 'node:os';
import { defineConfig, readConfig } from '@dunlin/service/config/env';
import type { ConfigOf, Environment } from '@dunlin/service/config/env';
import { bindAddress, choice, durationMs, integer, list, optionalText, text, toggle, url } from '@dunlin/service/config/settings';

/** Every variable of the relay. */
export const relayConfigSpec = defineConfig({
  service: 'relay',
  prefix: 'RELAY_',
  settings: {
    apiBind: bindAddress('RELAY_API_BIND', { default: { host: '0.0.0.0', port: 2470 }, doc: 'Address to listen on, for the API and the streams.' }),
    metricsListen: bindAddress('RELAY_METRICS_LISTEN', { default: { host: '127.0.0.1', port: 2471 }, doc: 'Address for /metrics.' }),
    persistDirectory: text('RELAY_PERSIST_DIR', { default: '.data/relay', doc: 'Folder of the log and the databases.' }),
    plcUrl: url('RELAY_PLC_HOST', { default: 'https://plc.directory', doc: 'The did:plc directory.' }),
    adminPassword: optionalText('RELAY_ADMIN_PASSWORD', { secret: true, minLength: 8, doc: 'Password of the operator (user admin) for /admin; several, separated by commas, while one is exchanged; unset turns /admin off.' }),
    hosts: list('RELAY_HOSTS', { default: [], doc: 'Hosts to listen to from the start, beside those that asked to be crawled.' }),
    allowInsecureHosts: toggle('RELAY_ALLOW_INSECURE_HOSTS', { default: false, doc: 'Takes localhost:PORT as a host, over plain http: for development only.' }),
    disableRequestCrawl: toggle('RELAY_DISABLE_REQUEST_CRAWL', { default: false, doc: 'Lets only the operator add hosts.' }),
    newHostsPerDay: integer('RELAY_NEW_HOSTS_PER_DAY_LIMIT', { default: 50, unit: 'hosts', doc: 'Most new hosts a day that come by themselves.' }),
    discoveryRelays: list('RELAY_DISCOVERY_RELAYS', { default: [], doc: 'Relays that are asked once a day which hosts they listen to, as https://HOST; they may take up half of the daily limit of new hosts.' }),
    upstreamRelays: list('RELAY_UPSTREAM_RELAYS', { default: [], doc: 'Other relays to listen to beside hosts, as wss://HOST; everything they send is verified, and what was heard before goes out once.' }),
    upstreamStart: choice('RELAY_UPSTREAM_START', ['live', 'oldest'], { default: 'live', doc: 'Where the stream of a relay begins that was never heard: with what happens from now on, or with the oldest it has.' }),
    unheardHosts: integer('RELAY_UNHEARD_HOSTS_LIMIT', { default: 50_000, unit: 'hosts', doc: 'Most hosts that are known only because accounts heard through other relays live there.' }),
    parkAfterMs: durationMs('RELAY_PARK_AFTER', { default: 12 * 3_600_000, doc: 'A host that has sent nothing for so long is hung up on until it requests a crawl or is looked at again; 0 keeps every connection.' }),
    parkRecheckMs: durationMs('RELAY_PARK_RECHECK', { default: 3_600_000, min: 1_000, doc: 'How often such a host is looked at again, by about half more or less.' }),
    eventsPerSecond: integer('RELAY_HOST_EVENTS_PER_SECOND', { default: 50, min: 1, unit: 'events', doc: 'Most events a second of a host, and one more for each thousand of its accounts; it is read more slowly beyond, nothing is dropped.' }),
    eventsPerHour: integer('RELAY_HOST_EVENTS_PER_HOUR', { default: 2_500, min: 1, unit: 'events', doc: 'The same for an hour, and one more for each account.' }),
    eventsPerDay: integer('RELAY_HOST_EVENTS_PER_DAY', { default: 20_000, min: 1, unit: 'events', doc: 'The same for a day, and ten more for each account.' }),
    trustedEventsPerSecond: integer('RELAY_TRUSTED_EVENTS_PER_SECOND', { default: 5_000, min: 1, unit: 'events', doc: 'Most events a second of a host of RELAY_TRUSTED_DOMAINS.' }),
    redialMaxMs: durationMs('RELAY_REDIAL_MAX', { default: 600_000, min: 1_000, doc: 'Longest wait before a host that does not answer is dialled again.' }),
    dialsAtOnce: integer('RELAY_DIALS_AT_ONCE', { default: 50, min: 1, max: 10_000, unit: 'hosts', doc: 'Most hosts that are dialled at the same time after a start; those with the most accounts come first.' }),
    defaultAccountLimit: integer('RELAY_DEFAULT_ACCOUNT_LIMIT', { default: 100, unit: 'accounts', doc: 'Most accounts of a host; an account beyond is throttled.' }),
    trustedAccountLimit: integer('RELAY_TRUSTED_ACCOUNT_LIMIT', { default: 10_000_000, unit: 'accounts', doc: 'The same for a host of RELAY_TRUSTED_DOMAINS.' }),
    trustedDomains: list('RELAY_TRUSTED_DOMAINS', { default: ['*.host.bsky.network'], doc: 'Hosts at or below these domains have the limits of large hosts.' }),
    lenientSync: toggle('RELAY_LENIENT_SYNC_VALIDATION', { default: false, doc: 'Accepts commits without prevData and prev, of hosts older than Sync 1.1.' }),
    continuity: choice('RELAY_CONTINUITY', ['pass', 'drop'], { default: 'pass', doc: 'What is done with a commit that does not follow the last one: pass it on and count it, or drop it.' }),
    replayWindowMs: durationMs('RELAY_REPLAY_WINDOW', { default: 72 * 3_600_000, min: 60_000, doc: 'How long events can be replayed.' }),
    replayBytes: integer('RELAY_REPLAY_BYTES', { default: 200_000_000_000, min: 1_000_000, unit: 'bytes', doc: 'Most disk for the replay window; the oldest events go first.' }),
    minFreeBytes: integer('RELAY_MIN_FREE_BYTES', { default: 268_435_456, unit: 'bytes', doc: 'Free disk below which hosts are not read until there is a tenth more; 0 waits until the disk is full.' }),
    segmentBytes: integer('RELAY_SEGMENT_BYTES', { default: 268_435_456, min: 65_536, max: 2_147_483_648, unit: 'bytes', doc: 'Size of a log segment, the unit of retention.' }),
    durability: choice('RELAY_DURABILITY', ['fsync', 'os'], { default: 'fsync', doc: 'When an event counts as durable: when the disk has it, or when the kernel has it.' }),
    initialSeq: integer('RELAY_INITIAL_SEQ_NUMBER', { default: 4_294_967_297, min: 4_294_967_296, doc: 'Seq of the first event of a new log; at least 2^32, so that every seq takes nine bytes.' }),
    verifyWorkers: integer('RELAY_VERIFY_WORKERS', { default: Math.max(1, availableParallelism() - 1), min: 1, max: 64, unit: 'threads', doc: 'Threads that verify commits.' }),
    identityCacheSize: integer('RELAY_IDENT_CACHE_SIZE', { default: 200_000, min: 100, unit: 'DIDs', doc: 'DID documents kept in memory.' }),
    intakeBytes: integer('RELAY_INTAKE_BYTES', { default: 67_108_864, min: 8_388_608, unit: 'bytes', doc: 'Most bytes of events on their way from sockets to the log; hosts are not read beyond.' }),
    intakeBytesPerHost: integer('RELAY_INTAKE_BYTES_PER_HOST', { default: 8_388_608, min: 65_536, unit: 'bytes', doc: 'The same for one host.' }),
    holdMs: durationMs('RELAY_HOLD_TIME', { default: 600_000, doc: 'How long events of a DID that cannot be resolved are held back before they are dropped.' }),
    holdBytes: integer('RELAY_HOLD_BYTES', { default: 67_108_864, min: 1_048_576, unit: 'bytes', doc: 'Most bytes of such events; an eighth of it for one host.' }),
    lookupsPerHost: integer('RELAY_LOOKUPS_PER_HOST', { default: 32, min: 1, max: 10_000, unit: 'look-ups', doc: 'Most DIDs of one host that are looked up at the same time; eight times as many for a relay.' }),
    keyMaxAgeMs: durationMs('RELAY_KEY_MAX_AGE', { default: 86_400_000, min: 60_000, doc: 'How long the signing key of an account is believed without looking; one that does not fit is looked up at once.' }),
    noticeBurst: integer('RELAY_NOTICE_BURST', { default: 20, min: 1, max: 1_000_000, unit: 'events', doc: 'Most #identity events of one account in one go, and as many #account events.' }),
    noticeEveryMs: durationMs('RELAY_NOTICE_EVERY', { default: 600_000, min: 1, doc: 'How long until one more may come after that.' }),
    consumerBufferBytes: integer('RELAY_CONSUMER_RING_BYTES', { default: 33_554_432, min: 1_048_576, unit: 'bytes', doc: 'The newest events kept in memory for live consumers.' }),
    fanoutProcesses: integer('RELAY_FANOUT_PROCESSES', { default: 0, max: 64, unit: 'processes', doc: 'Processes that serve the streams beside the one that verifies and writes; 0 serves them in that one too.' }),
    collections: toggle('RELAY_COLLECTIONS', { default: true, doc: 'Keeps an index of which accounts have records in which collections, for listReposByCollection.' }),
    collectionBackfill: choice('RELAY_COLLECTIONS_BACKFILL', ['off', 'seen', 'all'], { default: 'all', doc: 'Which accounts hosts are asked about when their commits do not tell everything: none, all that have spoken, or also those that never spoke, which hosts are asked to list.' }),
    collectionProofs: toggle('RELAY_COLLECTIONS_PROOFS', { default: true, doc: 'Has hosts prove what they said about collections, by signed blocks, once they have told of all their accounts.' }),
    walkLookups: integer('RELAY_WALK_LOOKUPS', { default: 20, min: 1, max: 10_000, unit: 'look-ups/s', doc: 'Most DIDs a second that are looked up because a host lists them.' }),
    walkEveryMs: durationMs('RELAY_WALK_EVERY', { default: 30 * 86_400_000, min: 60_000, doc: 'How long until the list of a host is gone through again.' }),
    collectionChecksPerHost: integer('RELAY_COLLECTIONS_CHECKS_PER_HOST', { default: 5, min: 1, max: 1000, unit: 'calls/s', doc: 'Most calls a second to one host about the collections of its accounts.' }),
    collectionCacheBytes: integer('RELAY_COLLECTIONS_CACHE_BYTES', { default: 33_554_432, min: 1_048_576, unit: 'bytes', doc: 'Memory for the index of collections.' }),
  },
  ignored: ['RELAY_HOST_CONCURRENCY', 'RELAY_SIBLING_RELAYS', 'RELAY_ACCOUNT_LIMIT_ALERT_*', 'RELAY_SLACK_ALERT_*'],
});

/** The relay's settings. */
export type RelayConfig = ConfigOf<typeof relayConfigSpec>;

/** Reads the settings. @throws ConfigError with all faults at once */
export function readRelayConfig(env?: Environment): RelayConfig {
  return readConfig(relayConfigSpec, env);
}
