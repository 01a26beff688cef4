/**
 * Settings of the PDS, read from PDS_* variables: the names and meanings of the reference PDS, so that its guides and compose
 * files work unchanged. Known names that this server does not need are warned about once, unknown ones refuse the start.
 * Not for secrets that are made here when none is given (`secrets.ts`).
 * Source: contracts of this project; packages/pds of the reference for names and defaults.
 */
import { join } from 'node:path';
import { defineConfig, readConfig, type ConfigOf, type Environment } from '@dunlin/service/config/env';
import { choice, durationMs, integer, list, optionalInteger, optionalText, optionalToggle, optionalUrl, port, text, toggle, url } from '@dunlin/service/config/settings';

const privateKeyHex = /^[0-9a-f]{64}$/;
const colorSyntax = /^(#[0-9a-fA-F]{6}|rgb\([0-9, ]+\))$/;
const didSyntax = /^did:[a-z]+:[a-zA-Z0-9._:%-]+$/;

/** Every variable of the PDS. */
export const pdsConfigSpec = defineConfig({
  service: 'pds',
  prefix: 'PDS_',
  settings: {
    hostname: text('PDS_HOSTNAME', { default: 'localhost', pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, doc: 'Host name under which the network reaches this server.' }),
    port: port('PDS_PORT', { default: 2583, doc: 'Port to listen on.' }),
    host: text('PDS_BIND_HOST', { default: '127.0.0.1', doc: 'Address to listen on; 0.0.0.0 for every interface. Ours, not the reference\'s.' }),
    metricsPort: optionalInteger('PDS_METRICS_PORT', { max: 65_535, doc: 'Port of the metrics listener; unset for none, 0 for any free one. Ours.' }),
    devMode: toggle('PDS_DEV_MODE', { default: false, doc: 'Plain http on localhost, ports in names, private addresses allowed. A host name of localhost implies the first two.' }),
    dataDirectory: text('PDS_DATA_DIRECTORY', { default: '.data/pds', doc: 'Folder of the database and of secrets made here; readable by this user only.' }),
    blobDirectory: optionalText('PDS_BLOBSTORE_DISK_LOCATION', { doc: 'Folder of blobs, where they are not in a bucket; default blobs in the data directory.' }),
    blobTemporaryDirectory: optionalText('PDS_BLOBSTORE_DISK_TMP_LOCATION', { doc: 'Folder of uploads under way, on the same file system as a folder of blobs; default blobs-temp in the data directory.' }),
    s3Bucket: optionalText('PDS_BLOBSTORE_S3_BUCKET', { pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, doc: 'Bucket of blobs, instead of a folder.' }),
    s3Region: optionalText('PDS_BLOBSTORE_S3_REGION', { pattern: /^[a-z0-9-]+$/, doc: 'Its region; default us-east-1.' }),
    s3Endpoint: optionalUrl('PDS_BLOBSTORE_S3_ENDPOINT', { doc: 'Address of the S3 service; default AWS in the region.' }),
    s3ForcePathStyle: toggle('PDS_BLOBSTORE_S3_FORCE_PATH_STYLE', { default: false, doc: 'Puts the bucket into the path of addresses instead of the host name, as MinIO and others want it.' }),
    s3AccessKeyId: optionalText('PDS_BLOBSTORE_S3_ACCESS_KEY_ID', { secret: true, doc: 'Access key of the bucket; default AWS_ACCESS_KEY_ID.' }),
    s3SecretAccessKey: optionalText('PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY', { secret: true, doc: 'Its secret; default AWS_SECRET_ACCESS_KEY.' }),
    s3SessionToken: optionalText('PDS_BLOBSTORE_S3_SESSION_TOKEN', { secret: true, doc: 'The session token that goes along with a passing key. Ours.' }),
    s3Credentials: choice('PDS_BLOBSTORE_S3_CREDENTIALS', ['key', 'container', 'instance', 'web-identity'], { default: 'key', doc: 'Where the key comes from: these settings, or the role of an ECS or EKS container, of an EC2 instance, or of a Kubernetes account (IRSA); roles\' keys are renewed by themselves. Ours.' }),
    awsAccessKeyId: optionalText('AWS_ACCESS_KEY_ID', { secret: true, doc: 'Access key of the bucket, where the one above is unset.' }),
    awsSecretAccessKey: optionalText('AWS_SECRET_ACCESS_KEY', { secret: true, doc: 'Its secret.' }),
    awsSessionToken: optionalText('AWS_SESSION_TOKEN', { secret: true, doc: 'The session token that goes along with it, if it is a passing one.' }),
    awsContainerPath: optionalText('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', { pattern: /^\/[\x21-\x7e]*$/, doc: 'Set by ECS, for PDS_BLOBSTORE_S3_CREDENTIALS=container.' }),
    awsContainerUri: optionalUrl('AWS_CONTAINER_CREDENTIALS_FULL_URI', { doc: 'Set by EKS, for the same.' }),
    awsContainerToken: optionalText('AWS_CONTAINER_AUTHORIZATION_TOKEN', { secret: true, doc: 'Sent there.' }),
    awsContainerTokenFile: optionalText('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', { doc: 'File of what is sent there.' }),
    awsInstanceEndpoint: url('AWS_EC2_METADATA_SERVICE_ENDPOINT', { default: 'http://169.254.169.254', doc: 'Where an EC2 instance asks for its key, for PDS_BLOBSTORE_S3_CREDENTIALS=instance.' }),
    awsRoleArn: optionalText('AWS_ROLE_ARN', { doc: 'Role, for PDS_BLOBSTORE_S3_CREDENTIALS=web-identity.' }),
    awsWebIdentityTokenFile: optionalText('AWS_WEB_IDENTITY_TOKEN_FILE', { doc: 'File of the token that says who we are, for the same.' }),
    awsStsUrl: optionalUrl('AWS_ENDPOINT_URL_STS', { doc: 'Where the token is exchanged for a key; default AWS in the region.' }),
    s3UploadTimeoutMs: durationMs('PDS_BLOBSTORE_S3_UPLOAD_TIMEOUT_MS', { default: 20_000, min: 1, max: 3_600_000, doc: 'Longest time for storing a blob in the bucket, or 16 MiB of a large one; three tries are made.' }),
    s3RequestTimeoutMs: durationMs('PDS_BLOBSTORE_S3_REQUEST_TIMEOUT_MS', { default: 15_000, min: 1, max: 3_600_000, doc: 'Longest wait for any other answer of the bucket, and longest pause within one.' }),
    s3KeyPrefix: optionalText('PDS_BLOBSTORE_S3_KEY_PREFIX', { pattern: /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*\/?$/, doc: 'What all keys begin with, so that servers can share a bucket; unset for the keys of the reference. Ours.' }),
    blobUploadLimit: integer('PDS_BLOB_UPLOAD_LIMIT', { default: 5_242_880, min: 1, unit: 'bytes', doc: 'Largest blob that may be uploaded.' }),
    blobGraceMs: durationMs('PDS_BLOB_UNUSED_GRACE', { default: 24 * 3_600_000, min: 3_600_000, doc: 'How long a blob is kept that no record names, before it goes to the trash. Ours.' }),
    blobTrashMs: durationMs('PDS_BLOB_TRASH_TIME', { default: 7 * 24 * 3_600_000, doc: 'How long blobs that records named stay in the trash before they are removed for good; 0 for not at all. Ours.' }),
    blobUnusedLimitBytes: integer('PDS_BLOB_UNUSED_LIMIT', { default: 1_073_741_824, min: 1, unit: 'bytes', doc: 'Most that one account may have uploaded that no record names, so that uploads alone do not fill the disk. Ours.' }),
    acceptingImports: toggle('PDS_ACCEPTING_REPO_IMPORTS', { default: true, doc: 'Whether people may move in with their repositories.' }),
    maxImportBytes: integer('PDS_MAX_REPO_IMPORT_SIZE', { default: 1_073_741_824, min: 1, unit: 'bytes', doc: 'Largest repository that may be imported.' }),
    plcUrl: url('PDS_DID_PLC_URL', { default: 'https://plc.directory', doc: 'The did:plc directory.' }),
    serviceDid: optionalText('PDS_SERVICE_DID', { pattern: didSyntax, doc: 'DID of this server; default did:web of the host name.' }),
    formerHostnames: list('PDS_FORMER_HOSTNAMES', { default: [], doc: 'Host names this server had before: sessions begun and service tokens made for them still hold. Ours.' }),
    hostedDidWeb: toggle('PDS_HOSTED_DID_WEB', { default: false, doc: 'Lets people sign up with a did:web of their handle under this server\'s domains; such a DID lives and ends with the domain. Ours.' }),
    serviceHandleDomains: list('PDS_SERVICE_HANDLE_DOMAINS', { default: [], doc: 'Domains under which people get handles, each with a leading dot; default .test on localhost, else the host name.' }),
    recoveryDidKey: optionalText('PDS_RECOVERY_DID_KEY', { pattern: /^did:key:z[a-zA-Z0-9]+$/, doc: 'The operator\'s own rotation key, put above the server\'s in every new DID.' }),
    rotationKeyHex: optionalText('PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX', { secret: true, pattern: privateKeyHex, doc: 'Private rotation key of this server; made and kept in the data directory when unset.' }),
    jwtSecret: optionalText('PDS_JWT_SECRET', { secret: true, minLength: 16, doc: 'Secret that signs sessions; made and kept in the data directory when unset.' }),
    adminPassword: optionalText('PDS_ADMIN_PASSWORD', { secret: true, doc: 'Password of the admin methods; made and kept in the data directory when unset.' }),
    crawlers: list('PDS_CRAWLERS', { default: [], doc: 'Relays that are asked to read this server\'s events, as URLs.' }),
    backfillLimitMs: durationMs('PDS_REPO_BACKFILL_LIMIT_MS', { default: 24 * 3_600_000, min: 60_000, doc: 'How far back events can be replayed; older ones are removed, those in files when the whole file is older.' }),
    eventRunBytes: integer('PDS_EVENT_RUN_BYTES', { default: 262_144, min: 4_096, max: 262_144, unit: 'bytes', doc: 'Events move from the database to files for replay in pieces of so many bytes, four or more at a time. Ours.' }),
    inviteRequired: optionalToggle('PDS_INVITE_REQUIRED', { doc: 'Whether sign-up takes an invite code; when unset it does, save on localhost and in development.' }),
    inviteIntervalMs: optionalInteger('PDS_INVITE_INTERVAL', { min: 1, unit: 'ms', doc: 'How long an account is here for each invite code it earns; unset earns none.' }),
    inviteEpochMs: integer('PDS_INVITE_EPOCH', { default: 0, unit: 'ms since 1970', doc: 'Time here before this moment earns no invite codes.' }),
    emailSmtpUrl: optionalUrl('PDS_EMAIL_SMTP_URL', { secret: true, schemes: ['smtp', 'smtps'], doc: 'Mail server for codes; without one, read them with `dunlin admin pds codes`.' }),
    emailFromAddress: optionalText('PDS_EMAIL_FROM_ADDRESS', { doc: 'Address mails come from.' }),
    moderationSmtpUrl: optionalUrl('PDS_MODERATION_EMAIL_SMTP_URL', { secret: true, schemes: ['smtp', 'smtps'], doc: 'Mail server for messages of operators and moderators; default the one for codes.' }),
    moderationFromAddress: optionalText('PDS_MODERATION_EMAIL_ADDRESS', { doc: 'Address those messages come from.' }),
    appViewUrl: optionalUrl('PDS_BSKY_APP_VIEW_URL', { doc: 'App view that methods which are not ours are passed on to; unset passes nothing on by itself.' }),
    appViewDid: optionalText('PDS_BSKY_APP_VIEW_DID', { pattern: didSyntax, doc: 'Its DID.' }),
    appViewCdnPattern: optionalText('PDS_BSKY_APP_VIEW_CDN_URL_PATTERN', { doc: 'Where images of new posts are shown from: a URL with %s for kind, DID and CID in this order.' }),
    reportServiceUrl: optionalUrl('PDS_REPORT_SERVICE_URL', { doc: 'Service that reports are passed on to; default the moderation service.' }),
    reportServiceDid: optionalText('PDS_REPORT_SERVICE_DID', { pattern: didSyntax, doc: 'Its DID.' }),
    proxyHeadersTimeoutMs: durationMs('PDS_PROXY_HEADERS_TIMEOUT', { default: 10_000, min: 1, doc: 'Longest wait for a service that a call is passed on to.' }),
    proxyBodyTimeoutMs: durationMs('PDS_PROXY_BODY_TIMEOUT', { default: 30_000, min: 1, doc: 'Longest pause within its answer.' }),
    proxyMaxAnswerBytes: integer('PDS_PROXY_MAX_RESPONSE_SIZE', { default: 10_485_760, min: 1, unit: 'bytes', doc: 'Largest answer of such a service.' }),
    modServiceUrl: optionalUrl('PDS_MOD_SERVICE_URL', { doc: 'Moderation service that tools.ozone.* methods are passed on to.' }),
    modServiceDid: optionalText('PDS_MOD_SERVICE_DID', { pattern: didSyntax, doc: 'Its DID; it may use the moderation methods of this server.' }),
    enableDidDocWithSession: toggle('PDS_ENABLE_DID_DOC_WITH_SESSION', { default: false, doc: 'Sends the DID document with every session.' }),
    rateLimitsEnabled: toggle('PDS_RATE_LIMITS_ENABLED', { default: false, doc: 'Limits how often one address or account may do things.' }),
    rateLimitBypassKey: optionalText('PDS_RATE_LIMIT_BYPASS_KEY', { secret: true, minLength: 16, doc: 'Whoever sends it as x-ratelimit-bypass is not limited.' }),
    rateLimitBypassIps: list('PDS_RATE_LIMIT_BYPASS_IPS', { default: [], doc: 'Addresses that are not limited.' }),
    privateAddressesAllowed: toggle('PDS_DISABLE_SSRF_PROTECTION', { default: false, doc: 'Lets look-ups that others cause reach private addresses; for tests only.' }),
    contactEmailAddress: optionalText('PDS_CONTACT_EMAIL_ADDRESS', { doc: 'Shown by describeServer.' }),
    privacyPolicyUrl: optionalUrl('PDS_PRIVACY_POLICY_URL', { doc: 'Shown by describeServer.' }),
    termsOfServiceUrl: optionalUrl('PDS_TERMS_OF_SERVICE_URL', { doc: 'Shown by describeServer.' }),
    serviceName: optionalText('PDS_SERVICE_NAME', { doc: 'Name of this server on its sign-in pages; default the host name.' }),
    logoUrl: optionalUrl('PDS_LOGO_URL', { doc: 'Logo on the sign-in pages.' }),
    homeUrl: optionalUrl('PDS_HOME_URL', { doc: 'Linked from the sign-in pages.' }),
    supportUrl: optionalUrl('PDS_SUPPORT_URL', { doc: 'Linked from the sign-in pages.' }),
    primaryColor: optionalText('PDS_PRIMARY_COLOR', { pattern: colorSyntax, doc: 'Colour of the sign-in pages, as #rrggbb; default #0d7eaa, which goes with our own pages.' }),
    errorColor: optionalText('PDS_ERROR_COLOR', { pattern: colorSyntax, doc: 'Colour of errors on the sign-in pages.' }),
    warningColor: optionalText('PDS_WARNING_COLOR', { pattern: colorSyntax, doc: 'Colour of warnings on the sign-in pages.' }),
    infoColor: optionalText('PDS_INFO_COLOR', { pattern: colorSyntax, doc: 'Colour of notes on the sign-in pages.' }),
    successColor: optionalText('PDS_SUCCESS_COLOR', { pattern: colorSyntax, doc: 'Colour of good news on the sign-in pages.' }),
    trustedClients: list('PDS_OAUTH_TRUSTED_CLIENTS', { default: [], doc: 'Client ids of OAuth clients the operator vouches for; their names and logos are shown.' }),
    cacheBytes: integer('PDS_BLOCK_CACHE_BYTES', { default: 16 * 1024 * 1024, min: 1_000_000, unit: 'bytes', doc: 'Memory for tree nodes of repositories. Ours.' }),
  },
  ignored: [
    'PDS_ACTOR_STORE_*', 'PDS_ACCOUNT_DB_LOCATION', 'PDS_SEQUENCER_DB_LOCATION', 'PDS_DID_CACHE_*', 'PDS_SQLITE_DISABLE_WAL_AUTO_CHECKPOINT',
    'PDS_EMAIL_DISABLE_CONFIRMATION_LINK', 'PDS_OAUTH_PROVIDER_*', 'PDS_PROXY_ALLOW_HTTP2', 'PDS_PROXY_MAX_RETRIES', 'PDS_PROXY_PREFER_COMPRESSED', 'PDS_FETCH_*', 'PDS_REDIS_*', 'PDS_MAX_SUBSCRIPTION_BUFFER',
    'PDS_ID_RESOLVER_TIMEOUT', 'PDS_HANDLE_BACKUP_NAMESERVERS', 'PDS_ENTRYWAY_*', 'PDS_DPOP_SECRET', 'PDS_VERSION',
    'PDS_CRAWLERS_*', 'PDS_PLC_ROTATION_KEY_KMS_KEY_ID', 'PDS_CRAWLER_NOTIFY_*', 'PDS_LEXICON_*', 'PDS_HCAPTCHA_*', 'PDS_LIGHT_*', 'PDS_DARK_*',
  ],
  check: ({ devMode, hostname, serviceHandleDomains, ...given }) => [
    ...blobPlaceFaults(given),
    ...pair('PDS_EMAIL_SMTP_URL', given.emailSmtpUrl, 'PDS_EMAIL_FROM_ADDRESS', given.emailFromAddress),
    ...pair('PDS_MODERATION_EMAIL_SMTP_URL', given.moderationSmtpUrl, 'PDS_MODERATION_EMAIL_ADDRESS', given.moderationFromAddress),
    ...pair('PDS_BSKY_APP_VIEW_URL', given.appViewUrl, 'PDS_BSKY_APP_VIEW_DID', given.appViewDid),
    ...pair('PDS_REPORT_SERVICE_URL', given.reportServiceUrl, 'PDS_REPORT_SERVICE_DID', given.reportServiceDid),
    ...pair('PDS_MOD_SERVICE_URL', given.modServiceUrl, 'PDS_MOD_SERVICE_DID', given.modServiceDid),
    ...serviceHandleDomains.filter((domain) => !/^\.[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(domain)).map((domain) => `PDS_SERVICE_HANDLE_DOMAINS needs a leading dot on every domain (got ${JSON.stringify(domain)})`),
    ...given.formerHostnames.filter((host) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?$/.test(host)).map((host) => `PDS_FORMER_HOSTNAMES must be host names in lower case (got ${JSON.stringify(host)})`),
    ...given.crawlers.filter((relay) => !/^https?:\/\//.test(relay) || !URL.canParse(relay)).map((relay) => `PDS_CRAWLERS must be URLs beginning with https:// (got ${JSON.stringify(relay)})`),
    ...(devMode || hostname === 'localhost' || hostname.includes('.') ? [] : ['PDS_HOSTNAME must be a full domain name, or localhost']),
  ],
});

/** Says what is wrong when of two settings that belong together one is missing. */
function pair(name: string, value: string | null, otherName: string, otherValue: string | null): string[] {
  return (value === null) === (otherValue === null) ? [] : [`${name} and ${otherName} go together: set both or none`];
}

type KeySettings = 's3AccessKeyId' | 's3SecretAccessKey' | 's3SessionToken' | 'awsAccessKeyId' | 'awsSecretAccessKey' | 'awsContainerPath' | 'awsContainerUri' | 'awsRoleArn' | 'awsWebIdentityTokenFile';

interface BlobPlaceSettings extends Record<'blobDirectory' | 's3Bucket' | 's3Region' | 's3Endpoint' | 's3KeyPrefix' | KeySettings, string | null> {
  readonly s3Credentials: 'key' | 'container' | 'instance' | 'web-identity';
}

/** Says what is wrong when blobs have two places, or half a one. */
function blobPlaceFaults(given: BlobPlaceSettings): string[] {
  const faults = pair('PDS_BLOBSTORE_S3_ACCESS_KEY_ID', given.s3AccessKeyId, 'PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY', given.s3SecretAccessKey);
  if (given.s3Bucket === null) {
    const isHalf = [given.s3Region, given.s3Endpoint, given.s3KeyPrefix, given.s3AccessKeyId, given.s3SessionToken].some((value) => value !== null) || given.s3Credentials !== 'key';
    return isHalf ? [...faults, 'PDS_BLOBSTORE_S3_BUCKET is required with the other PDS_BLOBSTORE_S3_ settings'] : faults;
  }
  if (given.blobDirectory !== null) faults.push('PDS_BLOBSTORE_DISK_LOCATION and PDS_BLOBSTORE_S3_BUCKET exclude each other: blobs have one place');
  return [...faults, ...keyFaults(given)];
}

/** Says what is wrong with where the bucket's key is to come from. */
function keyFaults(given: BlobPlaceSettings): string[] {
  const isOwn = given.s3AccessKeyId !== null;
  const faults = !isOwn && given.s3SessionToken !== null ? ['PDS_BLOBSTORE_S3_SESSION_TOKEN goes along with PDS_BLOBSTORE_S3_ACCESS_KEY_ID'] : [];
  if (given.s3Credentials !== 'key' && isOwn) faults.push(`PDS_BLOBSTORE_S3_CREDENTIALS=${given.s3Credentials} and PDS_BLOBSTORE_S3_ACCESS_KEY_ID exclude each other`);
  switch (given.s3Credentials) {
    case 'key': {
      const hasKey = isOwn || (given.awsAccessKeyId !== null && given.awsSecretAccessKey !== null);
      return hasKey ? faults : [...faults, 'PDS_BLOBSTORE_S3_BUCKET needs PDS_BLOBSTORE_S3_ACCESS_KEY_ID and PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY, or PDS_BLOBSTORE_S3_CREDENTIALS'];
    }
    case 'container':
      return given.awsContainerPath !== null || given.awsContainerUri !== null ? faults : [...faults, 'PDS_BLOBSTORE_S3_CREDENTIALS=container needs AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI'];
    case 'instance':
      return faults;
    case 'web-identity':
      return given.awsRoleArn !== null && given.awsWebIdentityTokenFile !== null ? faults : [...faults, 'PDS_BLOBSTORE_S3_CREDENTIALS=web-identity needs AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE'];
  }
}

/** The PDS's settings. */
export type PdsConfig = ConfigOf<typeof pdsConfigSpec>;

/** Reads the settings. @throws ConfigError with all faults at once */
export function readPdsConfig(env?: Environment): PdsConfig {
  return readConfig(pdsConfigSpec, env);
}

/** Tells whether the server is reached by plain http on localhost. */
export function isLocal({ devMode, hostname }: PdsConfig): boolean {
  return devMode || hostname === 'localhost';
}

/** Tells whether sign-up takes an invite code: the operator's word, else only where strangers can come. */
export function areInvitesRequired(config: PdsConfig): boolean {
  return config.inviteRequired ?? !isLocal(config);
}

/** Gives the domains under which people get handles. */
export function handleDomains({ serviceHandleDomains, hostname }: PdsConfig): readonly string[] {
  if (serviceHandleDomains.length > 0) return serviceHandleDomains;
  return hostname === 'localhost' ? ['.test'] : [`.${hostname}`];
}

/** Gives the host names this server has or had. */
export function ownHosts({ hostname, formerHostnames }: PdsConfig): readonly string[] {
  return [hostname, ...formerHostnames];
}

/** Gives the folder of imports under way. */
export function importFolder({ dataDirectory }: PdsConfig): string {
  return join(dataDirectory, 'imports');
}

/** Gives the folders of blobs. */
export function blobFolders({ dataDirectory, blobDirectory, blobTemporaryDirectory }: PdsConfig): { folder: string; temporary: string } {
  return { folder: blobDirectory ?? join(dataDirectory, 'blobs'), temporary: blobTemporaryDirectory ?? join(dataDirectory, 'blobs-temp') };
}
