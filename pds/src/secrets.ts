/**
 * Secrets of this server: from the configuration, else made once and kept in the data directory, readable by this user only.
 * Nothing here is ever logged. Not for signing keys of accounts, which live in the database.
 * Source: ours; names of the file's fields are its own.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, toHex } from '@dunlin/protocol/base/bytes';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { randomBytes } from '@dunlin/protocol/crypto/random';

/** What the server must know and nobody else. */
export interface Secrets {
  readonly jwtSecret: string;
  readonly adminPassword: string;
  readonly rotationKey: Keypair;
}

/** Secrets an operator chose; null for those to be made here. */
export interface ChosenSecrets {
  readonly jwtSecret: string | null;
  readonly adminPassword: string | null;
  readonly rotationKeyHex: string | null;
}

type Kept = Partial<Record<'jwtSecret' | 'adminPassword' | 'rotationKeyHex', string>>;

/** Gives the secrets; makes, and keeps in `secrets.json`, those that were neither chosen nor kept before. */
export function loadSecrets(dataDirectory: string, chosen: ChosenSecrets): Secrets {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const path = join(dataDirectory, 'secrets.json');
  const kept = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept) : {};
  const all = {
    jwtSecret: chosen.jwtSecret ?? kept.jwtSecret ?? toHex(randomBytes(32)),
    adminPassword: chosen.adminPassword ?? kept.adminPassword ?? toHex(randomBytes(16)),
    rotationKeyHex: chosen.rotationKeyHex ?? kept.rotationKeyHex ?? toHex(Keypair.generate('k256').privateBytes()),
  };
  const made: Kept = { ...kept };
  for (const name of ['jwtSecret', 'adminPassword', 'rotationKeyHex'] as const) if (chosen[name] === null) made[name] = all[name];
  if (JSON.stringify(made) !== JSON.stringify(kept)) {
    writeFileSync(`${path}.new`, `${JSON.stringify(made, null, 1)}\n`, { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
  }
  return { jwtSecret: all.jwtSecret, adminPassword: all.adminPassword, rotationKey: Keypair.fromPrivateBytes('k256', fromHex(all.rotationKeyHex)) };
}
