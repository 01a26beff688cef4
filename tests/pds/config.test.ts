/** Settings: defaults, the names of the reference, and what refuses the start. */
import { expect, test } from '@jest/globals';
import { readConfig } from '@dunlin/service/config/env';
import { areInvitesRequired, blobFolders, handleDomains, isLocal, pdsConfigSpec, readPdsConfig } from '../../pds/src/config.ts';

test('every setting has a default', () => {
  const config = readPdsConfig({});
  expect(config).toMatchObject({ hostname: 'localhost', port: 2583, plcUrl: 'https://plc.directory', blobUploadLimit: 5_242_880, backfillLimitMs: 86_400_000 });
  expect([isLocal(config), handleDomains(config), blobFolders(config)]).toEqual([true, ['.test'], { folder: '.data/pds/blobs', temporary: '.data/pds/blobs-temp' }]);
});

test('a public host name gives https and handles under itself', () => {
  const config = readPdsConfig({ PDS_HOSTNAME: 'pds.example.org', PDS_BLOBSTORE_DISK_LOCATION: '/blobs' });
  expect([isLocal(config), handleDomains(config), blobFolders(config).folder]).toEqual([false, ['.pds.example.org'], '/blobs']);
});

test('sign-up takes an invite code where strangers can come, unless the operator says otherwise', () => {
  expect(areInvitesRequired(readPdsConfig({}))).toBe(false);
  expect(areInvitesRequired(readPdsConfig({ PDS_HOSTNAME: 'pds.example.org' }))).toBe(true);
  expect(areInvitesRequired(readPdsConfig({ PDS_HOSTNAME: 'pds.example.org', PDS_INVITE_REQUIRED: 'false' }))).toBe(false);
  expect(areInvitesRequired(readPdsConfig({ PDS_INVITE_REQUIRED: 'true' }))).toBe(true);
});

test('names of the reference that are not needed are warned about, unknown ones refuse the start with all other faults', () => {
  const warnings: string[] = [];
  readConfig(pdsConfigSpec, { PDS_ACTOR_STORE_DIRECTORY: '/x', PDS_DID_CACHE_DB_LOCATION: '/x', PDS_REDIS_SCRATCH_ADDRESS: 'x' }, (sentence) => warnings.push(sentence));
  expect(warnings).toHaveLength(3);
  expect(() => readPdsConfig({ PDS_HOSTNAMES: 'x', PDS_PORT: 'many' })).toThrow(/PDS_PORT must be a whole number.*PDS_HOSTNAMES is not a setting of pds; did you mean PDS_HOSTNAME\?/);
});

test.each([
  [{ PDS_EMAIL_SMTP_URL: 'smtp://x' }, 'set both or none'],
  [{ PDS_EMAIL_SMTP_URL: 'http://x', PDS_EMAIL_FROM_ADDRESS: 'a@x.org' }, 'smtp://'],
  [{ PDS_MOD_SERVICE_DID: 'did:web:mod.example.org' }, 'set both or none'],
  [{ PDS_SERVICE_HANDLE_DOMAINS: 'test' }, 'leading dot'],
  [{ PDS_HOSTNAME: 'pds' }, 'full domain name'],
  [{ PDS_FORMER_HOSTNAMES: 'old.example.org,https://older.example.org' }, 'PDS_FORMER_HOSTNAMES must be host names'],
  [{ PDS_CRAWLERS: 'https://relay.example.org,relay.example.net' }, 'PDS_CRAWLERS must be URLs'],
  [{ PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: 'abc' }, 'must match'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_DISK_LOCATION: '/blobs', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }, 'blobs have one place'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs' }, 'needs PDS_BLOBSTORE_S3_ACCESS_KEY_ID'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', AWS_ACCESS_KEY_ID: 'a' }, 'needs PDS_BLOBSTORE_S3_ACCESS_KEY_ID'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }, 'set both or none'],
  [{ PDS_BLOBSTORE_S3_REGION: 'eu-central-1' }, 'PDS_BLOBSTORE_S3_BUCKET is required'],
  [{ PDS_BLOBSTORE_S3_CREDENTIALS: 'instance' }, 'PDS_BLOBSTORE_S3_BUCKET is required'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_CREDENTIALS: 'guess' }, 'PDS_BLOBSTORE_S3_CREDENTIALS'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_CREDENTIALS: 'container' }, 'needs AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_CREDENTIALS: 'web-identity', AWS_ROLE_ARN: 'arn' }, 'needs AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_CREDENTIALS: 'instance', PDS_BLOBSTORE_S3_ACCESS_KEY_ID: 'a', PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY: 'b' }, 'exclude each other'],
  [{ PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_SESSION_TOKEN: 't', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }, 'goes along with PDS_BLOBSTORE_S3_ACCESS_KEY_ID'],
  [{ PDS_BLOBSTORE_S3_KEY_PREFIX: '/from/the/root' }, 'must match'],
])('%j is refused', (environment, why) => {
  expect(() => readPdsConfig(environment)).toThrow(why);
});
