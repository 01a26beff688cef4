/** Each outside thing is reached through one door (ARCHITECTURE.md), so that it can be exchanged in one place. */
import { readSources } from './sources.ts';

const sources = readSources();

interface Door {
  thing: string;
  /** Packages or built-in modules that only the door imports. */
  imports?: RegExp;
  /** Globals that only the door touches. */
  touches?: RegExp;
  /** Where it may be, as a pattern over paths from the root. */
  door: RegExp;
}

const doors: Door[] = [
  { thing: 'cbor-x', imports: /^cbor-x/, door: /^protocol\/src\/data\/cbor(-\w+)?\.ts$/ },
  { thing: 'multiformats', imports: /^multiformats/, door: /^protocol\/src\/data\/(cid|multibase)\.ts$/ },
  { thing: 'signatures and hashes', imports: /^(secp256k1|node:crypto|crypto|@noble\/.*|jose)$/, door: /^protocol\/src\/crypto\// },
  { thing: 'the environment', touches: /^process\.env$/, door: /^service\/src\/config\// },
  { thing: 'the logger', imports: /^pino/, door: /^service\/src\/log\// },
  { thing: 'stdout and stderr', touches: /^(console\.\w+|process\.(stdout|stderr))$/, door: /^service\/src\/log\// },
  { thing: 'prom-client', imports: /^prom-client$/, door: /^service\/src\/metrics\// },
  { thing: 'better-sqlite3', imports: /^better-sqlite3$/, door: /^service\/src\/sqlite\// },
  { thing: 'node:sqlite', imports: /^node:sqlite$/, door: /^firehose-consumer\/src\/sqlite-ledger\.ts$/ },
  { thing: 'koa', imports: /^(koa|@koa\/.*)$/, door: /^service\/src\/(http|xrpc)\// },
  { thing: 'ws', imports: /^ws$/, door: /^(service\/src\/websocket\/|firehose-consumer\/src\/subscription\.ts$)/ },
  { thing: 'undici', imports: /^undici$/, door: /^service\/src\/http\// },
  { thing: 'the OAuth provider', imports: /^@atproto\/oauth-/, door: /^pds\/src\/oauth\// },
  { thing: 'QR codes', imports: /^uqr$/, door: /^pds\/src\/factor\/qr-code\.ts$/ },
  { thing: 'WebAuthn', imports: /^@simplewebauthn\//, door: /^pds\/src\/factor\// },
  { thing: 'aws4fetch', imports: /^aws4fetch$/, door: /^pds\/src\/blob\/s3-request\.ts$/ },
  { thing: 'nodemailer', imports: /^nodemailer$/, door: /^pds\/src\/mail\// },
  {
    thing: 'the clock',
    touches: /^(Date\.now|performance\.now|new Date\(\)|setTimeout\(\)|setInterval\(\)|process\.hrtime)$/,
    door: /^protocol\/src\/base\/clock\.ts$/,
  },
  { thing: 'child processes', imports: /^node:child_process$/, door: /^service\/src\/lifecycle\// },
  { thing: 'signals and exit', touches: /^process\.(exit|on|once|kill|abort)$/, door: /^service\/src\/lifecycle\// },
];

test.each(doors)('$thing is reached through its door only', ({ imports, touches, door }) => {
  const breaches = sources
    .filter(({ path }) => !door.test(path))
    .flatMap((source) => [
      ...source.imports.filter((name) => imports?.test(name)).map((name) => `${source.path} imports ${name}`),
      ...[...source.touches].filter((name) => touches?.test(name)).map((name) => `${source.path} touches ${name}`),
    ]);
  expect(breaches).toEqual([]);
});

test.each(doors)('the door of $thing is in use', ({ imports, touches, door }) => {
  const users = sources.filter(
    (source) =>
      door.test(source.path) &&
      (source.imports.some((name) => imports?.test(name)) || [...source.touches].some((name) => touches?.test(name))),
  );
  expect(users).not.toEqual([]);
});
