/** The life of a blob, as in a folder, in a bucket. */
import { afterAll, beforeAll } from '@jest/globals';
import { describeBlobLife } from '../pds/blob/blob-life.ts';
import { s3Settings, startS3, type S3Server } from './s3-server.ts';

let s3: S3Server;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.close());

describeBlobLife({
  environment: () => s3Settings(s3),
  isThere: async (_small, did, cid) => (await s3.keys()).includes(`blocks/${did}/${cid}`),
});
