/**
 * What the doctor looks at where blobs lie, a folder or a bucket: a small file is written, read, removed, and no longer listed.
 * Not for the blobs themselves: `dunlin admin pds blob fsck` compares those.
 * Source: ours; error codes of the S3 REST API of AWS.
 */
import { existsSync } from 'node:fs';
import { createLogger } from '@dunlin/service/log/logger';
import { BlobStorageError } from '@dunlin/pds/blob/blob-files';
import { blobFolders, type PdsConfig } from '@dunlin/pds/config';
import { openBlobFiles } from '@dunlin/pds/wiring/blob-files';
import { fail, ok, type Finding } from './finding.ts';

const check = 'blobs';

/** What to do about an answer of the bucket, by its code. */
const advice: readonly (readonly [RegExp, string])[] = [
  [/SignatureDoesNotMatch/, 'set PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY as the service gave it'],
  [/InvalidAccessKeyId/, 'set PDS_BLOBSTORE_S3_ACCESS_KEY_ID as the service gave it'],
  [/ExpiredToken|InvalidToken/, 'set PDS_BLOBSTORE_S3_SESSION_TOKEN as it is now, or let PDS_BLOBSTORE_S3_CREDENTIALS get keys that are renewed'],
  [/no key for the bucket/, 'see PDS_BLOBSTORE_S3_CREDENTIALS: does this machine have a role, and is the address it asks reached from here (from a container EC2 wants a hop limit of 2)'],
  [/NoSuchBucket/, 'make the bucket, or mend PDS_BLOBSTORE_S3_BUCKET; elsewhere than at AWS it may want PDS_BLOBSTORE_S3_FORCE_PATH_STYLE=true'],
  [/AuthorizationHeaderMalformed|PermanentRedirect/, 'set PDS_BLOBSTORE_S3_REGION to the region of the bucket'],
  [/RequestTimeTooSkewed/, 'let the machine set its clock by NTP (timedatectl set-ntp true)'],
  [/ENOSPC/, 'make room: uploads fail when the disk is full'],
  [/AccessDenied|answered 403/, 'allow the key s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket'],
];

/** Looks whether blobs can be stored, read, removed and listed; null when the folder is not there yet, which the server makes. */
export async function checkBlobPlace(config: PdsConfig): Promise<Finding | null> {
  const { folder } = blobFolders(config);
  const isBucket = config.s3Bucket !== null;
  if (!isBucket && !existsSync(folder)) return null;
  const files = openBlobFiles(config, { log: createLogger('pds', { level: 'silent' }), isReceiving: false });
  try {
    await files.probe();
    return ok(check, isBucket ? `bucket ${config.s3Bucket}` : folder);
  } catch (fault) {
    if (!(fault instanceof BlobStorageError)) throw fault;
    const otherwise = isBucket ? 'see PDS_BLOBSTORE_S3_ENDPOINT: name, port, certificate, and whether the service runs' : `give ${folder} to the user the server runs as`;
    return fail(check, fault.reason, advice.find(([pattern]) => pattern.test(fault.reason))?.[1] ?? otherwise);
  } finally {
    await files.close();
  }
}
