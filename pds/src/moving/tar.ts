/**
 * The frame of a tar archive: a head of 512 bytes before each file, zeros behind it up to the next 512, two empty heads at the end.
 * Only what an archive of ours needs: plain files with short names. Not for reading one, which the page does (`pds/web/archive.ts`).
 * Source: POSIX.1-1988 ustar; sizes from 8 GiB in base 256, as GNU tar and all later readers have them.
 */
import { assert } from '@dunlin/protocol/base/assert';

const blockBytes = 512;
const largestOctal = 0o77777777777;

/** What ends an archive. */
export const tarEnd: Uint8Array = new Uint8Array(2 * blockBytes);

/** Gives the head of a file; the name is ASCII of at most 100 characters, the size in bytes. */
export function tarHead({ name, bytes, modifiedAtMs }: { name: string; bytes: number; modifiedAtMs: number }): Uint8Array {
  assert(/^[\x21-\x7e]{1,100}$/.test(name), 'a name in an archive is short and plain');
  const head = Buffer.alloc(blockBytes);
  const put = (offset: number, text: string): void => void head.write(text, offset, 'latin1');
  put(0, name);
  put(100, '0000644\0');
  put(108, '0000000\0');
  put(116, '0000000\0');
  if (bytes <= largestOctal) put(124, `${bytes.toString(8).padStart(11, '0')}\0`);
  else {
    head[124] = 0x80;
    head.writeBigUInt64BE(BigInt(bytes), 128);
  }
  put(136, `${Math.floor(modifiedAtMs / 1000).toString(8).padStart(11, '0')}\0`);
  put(148, '        ');
  put(156, '0');
  put(257, 'ustar\x0000');
  put(148, `${head.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `);
  return head;
}

/** Gives the zeros behind a file of so many bytes. */
export function tarPadding(bytes: number): Uint8Array {
  return new Uint8Array((blockBytes - (bytes % blockBytes)) % blockBytes);
}
