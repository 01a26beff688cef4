/**
 * Opens the place for the bytes of blobs that the settings name: a folder, or an S3 bucket; and looks at the start whether it works.
 * The server opens it, and commands that work on the data directory beside it.
 * Not for rows of blobs (`stores.ts`). Source: ours, decision 0022.
 */
import { systemClock } from '@dunlin/protocol/base/clock';
import { createRawExchange, type RawExchange } from '@dunlin/service/http/raw-exchange';
import type { Logger } from '@dunlin/service/log/logger';
import type { Metrics } from '@dunlin/service/metrics/registry';
import { BlobStorageError, type BlobFiles } from '../blob/blob-files.ts';
import { DiskFiles } from '../blob/disk-files.ts';
import { ReceivingFolder } from '../blob/receiving.ts';
import { S3Credentials, type S3KeySource } from '../blob/s3-credentials.ts';
import { S3Bucket } from '../blob/s3-bucket.ts';
import { S3Files } from '../blob/s3-files.ts';
import { S3Requests, type S3Place } from '../blob/s3-request.ts';
import { blobFolders, type PdsConfig } from '../config.ts';
import { declareBlobMetrics } from '../metrics.ts';
import type { Stage } from './stage.ts';

/** Most connections to a bucket: of readers, each as slow as its client, and of everything else. */
const maxReadSockets = 256;
const maxWriteSockets = 64;

/** How the place is opened. */
export interface BlobFilesParts {
  readonly log: Logger;
  /** True empties the folder of uploads, which only the one process that takes uploads may do. */
  readonly isReceiving: boolean;
  readonly metrics?: Metrics;
}

/** Opens the place. */
export function openBlobFiles(config: PdsConfig, { log, isReceiving, metrics }: BlobFilesParts): BlobFiles {
  const { folder, temporary } = blobFolders(config);
  const receiving = new ReceivingFolder(temporary);
  if (isReceiving) receiving.clear();
  const place = placeOf(config);
  return place === null ? new DiskFiles({ folder, receiving }) : openBucket(place, { config, log, receiving, onFailure: metrics ? declareBlobMetrics(metrics) : () => undefined });
}

interface BucketParts {
  readonly config: PdsConfig;
  readonly log: Logger;
  readonly receiving: ReceivingFolder;
  readonly onFailure: () => void;
}

function openBucket(place: S3Place, { config, log, receiving, onFailure }: BucketParts): S3Files {
  const exchanges = [maxReadSockets, maxWriteSockets].map((maxSocketsPerOrigin) => createRawExchange({
    // The operator named the place; it may be anywhere. Sizes are compared before a byte is passed on.
    allowPrivate: true, maxSocketsPerOrigin, maxBytes: Number.MAX_SAFE_INTEGER, headersTimeoutMs: place.requestTimeoutMs, bodyTimeoutMs: place.requestTimeoutMs,
  }));
  // The bucket judges the time of a request by the world's clock, so a clock that tests move is of no use here.
  const credentials = new S3Credentials({ source: keySourceOf(config), exchange: exchanges[1] as RawExchange, clock: systemClock });
  const [reads, writes] = exchanges.map((exchange) => new S3Requests({ place, credentials, exchange, clock: systemClock, log, onFailure })) as [S3Requests, S3Requests];
  const close = (): Promise<void> => Promise.all(exchanges.map((exchange: RawExchange) => exchange.close())).then(() => undefined);
  const prefix = config.s3KeyPrefix === null ? '' : `${config.s3KeyPrefix.replace(/\/$/, '')}/`;
  return new S3Files({ bucket: new S3Bucket({ name: place.bucket, reads, writes }), prefix, receiving, close });
}

/** Gives where the bucket is, or null when blobs lie in a folder. */
function placeOf(config: PdsConfig): S3Place | null {
  if (config.s3Bucket === null) return null;
  return {
    bucket: config.s3Bucket, region: config.s3Region ?? 'us-east-1', endpoint: config.s3Endpoint, isPathStyle: config.s3ForcePathStyle,
    uploadTimeoutMs: config.s3UploadTimeoutMs, requestTimeoutMs: config.s3RequestTimeoutMs,
  };
}

/** Gives where the bucket's key comes from; the settings were checked. */
function keySourceOf(config: PdsConfig): S3KeySource {
  switch (config.s3Credentials) {
    case 'key': {
      const isOwn = config.s3AccessKeyId !== null;
      const [accessKeyId, secretAccessKey, sessionToken] = isOwn
        ? [config.s3AccessKeyId, config.s3SecretAccessKey, config.s3SessionToken]
        : [config.awsAccessKeyId, config.awsSecretAccessKey, config.awsSessionToken];
      return { kind: 'key', key: { accessKeyId: accessKeyId ?? '', secretAccessKey: secretAccessKey ?? '', sessionToken } };
    }
    case 'container': {
      const url = config.awsContainerUri ?? new URL(config.awsContainerPath ?? '', containerEndpoint).href;
      const { awsContainerToken: text, awsContainerTokenFile: file } = config;
      return { kind: 'container', url, authorization: file !== null ? { file } : text !== null ? { text } : null };
    }
    case 'instance':
      return { kind: 'instance', endpoint: config.awsInstanceEndpoint };
    case 'web-identity':
      return {
        kind: 'webIdentity', roleArn: config.awsRoleArn ?? '', tokenFile: config.awsWebIdentityTokenFile ?? '',
        stsUrl: config.awsStsUrl ?? `https://sts.${config.s3Region ?? 'us-east-1'}.amazonaws.com/`,
      };
  }
}

/** Where ECS answers its containers. */
const containerEndpoint = 'http://169.254.170.2';

/** Looks whether blobs can be stored. @throws BlobStorageError when the place does not want us; one that does not answer may heal */
export async function checkBlobFiles({ log }: Pick<Stage, 'log'>, { files }: { files: BlobFiles }): Promise<void> {
  try {
    await files.probe();
  } catch (fault) {
    if (!(fault instanceof BlobStorageError)) throw fault;
    if (fault.isRefusal) throw new Error(`blobs cannot be stored: ${fault.reason}`, { cause: fault });
    log.warn({ reason: fault.reason }, 'blobs cannot be stored at the moment');
  }
}
