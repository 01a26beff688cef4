/**
 * First stage of the wiring: the tables, and the files beside them.
 * Opens the one database of the server and everything that reads and writes it.
 * Not for what happens to rows; each store says that of itself. Source: ours.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Turns } from '@dunlin/service/lifecycle/turns';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { AccountStore } from '../account/account-store.ts';
import { AppPasswordStore } from '../account/app-password-store.ts';
import { PreferenceStore } from '../account/preference-store.ts';
import { RefreshTokenStore } from '../account/refresh-token-store.ts';
import { ReservedKeys } from '../account/reserved-keys.ts';
import { accountSchema, accountSchema2, accountSchema3, accountSchema4 } from '../account/schema.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { auditSchema } from '../audit/schema.ts';
import { BlobFigures } from '../blob/blob-figures.ts';
import { BlobStore } from '../blob/blob-store.ts';
import { blobSchema, blobSchema2 } from '../blob/schema.ts';
import { TrashStore } from '../blob/trash-store.ts';
import { factorSchema } from '../factor/schema.ts';
import { HostedDidStore } from '../identity/hosted-did-store.ts';
import { IntentStore } from '../identity/intent-store.ts';
import { RenameStore } from '../identity/rename-store.ts';
import { hostRenameSchema, hostedDidSchema, identityIntentSchema } from '../identity/schema.ts';
import { InviteStore } from '../invite/invite-store.ts';
import { inviteSchema } from '../invite/schema.ts';
import { CodeStore } from '../mail/code-store.ts';
import { mailSchema } from '../mail/schema.ts';
import { movingSchema } from '../moving/schema.ts';
import { oauthSchema } from '../oauth/schema.ts';
import { CommitStore } from '../repo/commit-store.ts';
import { RepoExporter } from '../repo/export.ts';
import { HeadStore } from '../repo/head-store.ts';
import { NodeStore } from '../repo/node-store.ts';
import { RepoReader } from '../repo/read.ts';
import { RecordStore } from '../repo/record-store.ts';
import { RepoRemoval } from '../repo/remove.ts';
import { repoSchema } from '../repo/schema.ts';
import { eventRunSchema, sequencerSchema } from '../sequencer/schema.ts';
import { openBlobFiles } from './blob-files.ts';
import { reportFault, type Stage } from './stage.ts';

/** Layouts of the database, each applied once, in this order. */
export const pdsMigrations: readonly string[] = [
  accountSchema + repoSchema + blobSchema + sequencerSchema,
  accountSchema2 + inviteSchema + mailSchema,
  oauthSchema + factorSchema,
  auditSchema,
  movingSchema,
  hostRenameSchema,
  blobSchema2,
  hostedDidSchema,
  accountSchema3,
  eventRunSchema,
  accountSchema4,
  identityIntentSchema,
];

/** Opens the tables, and the files beside them. */
export function openStores({ config, clock, log, lifecycle, metrics }: Pick<Stage, 'config' | 'clock' | 'log' | 'lifecycle'> & Partial<Pick<Stage, 'metrics'>>) {
  const path = join(config.dataDirectory, 'pds.sqlite');
  // SQLite gives its side files the mode of the database: signing keys are inside.
  closeSync(openSync(path, 'a', 0o600));
  // What is not in SQLite's own 4 MB of pages is in the system's cache; 32 MB were no quicker (decisions/0028).
  const database = openDatabase(path, { migrations: pdsMigrations, pragmas: { cache_size: -4_000, wal_autocheckpoint: 4_000 } });
  lifecycle.own('database', () => void database.close());
  const heads = new HeadStore(database);
  const nodes = new NodeStore(database, { cacheBytes: config.cacheBytes });
  const records = new RecordStore(database);
  const exporter = new RepoExporter(() => openDatabase(path, { migrations: pdsMigrations, readonly: true }), reportFault(log, 'export was cut short'), clock);
  lifecycle.own('exports', () => exporter.close());
  const files = openBlobFiles(config, { log, isReceiving: true, ...(metrics && { metrics }) });
  lifecycle.own('blob files', () => files.close());
  // Events are read back in their order, each page once: a connection of its own keeps them from pushing out what writes need.
  const events = openDatabase(path, { migrations: pdsMigrations, readonly: true, pragmas: { cache_size: -1_000 } });
  lifecycle.own('events', () => void events.close());
  return {
    database, events, heads, nodes, records, exporter, files,
    accounts: new AccountStore(database),
    refreshTokens: new RefreshTokenStore(database),
    appPasswordStore: new AppPasswordStore(database),
    reservedKeys: new ReservedKeys(database, clock),
    invites: new InviteStore(database),
    codes: new CodeStore(database),
    preferences: new PreferenceStore(database),
    commits: new CommitStore(nodes, records),
    repos: new RepoReader(heads, nodes, records),
    repoRemoval: new RepoRemoval(heads, nodes, records),
    blobs: new BlobStore(database),
    blobFigures: new BlobFigures(database),
    hostedDids: new HostedDidStore(database),
    renames: new RenameStore(database),
    intents: new IntentStore(database),
    audit: new AuditLog(database),
    trashStore: new TrashStore(database),
    turns: new Turns(),
  };
}

/** The stores by name. */
export type Stores = ReturnType<typeof openStores>;
