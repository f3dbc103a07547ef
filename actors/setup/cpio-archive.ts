/**
 * Writes a cpio archive in the "newc" format, which is what Linux unpacks as an initial ramdisk
 * (https://docs.kernel.org/driver-api/early-userspace/buffer-format.html). The same entries give the same bytes.
 */

export type CpioEntry =
  | { type: 'folder'; path: string }
  | { type: 'file'; path: string; content: Buffer | string; isExecutable?: boolean }
  | { type: 'link'; path: string; target: string }
  /** A character device, such as the console that must exist before anything is mounted. */
  | { type: 'device'; path: string; major: number; minor: number };

const modes = { folder: 0o040755, file: 0o100644, link: 0o120777, device: 0o020600 } as const;

/** Paths are relative, and a folder stands before what is in it. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => record(entry, index + 1));
  parts.push(...trailer());
  return pad(Buffer.concat(parts), 512);
}

function record(entry: CpioEntry, inode: number): Buffer[] {
  const content = contentOf(entry);
  const mode = entry.type === 'file' && entry.isExecutable ? 0o100755 : modes[entry.type];
  const device = entry.type === 'device' ? [entry.major, entry.minor] : [0, 0];
  return [header(inode, mode, content.length, device, entry.path), pad(content, 4)];
}

function contentOf(entry: CpioEntry): Buffer {
  if (entry.type === 'file') return Buffer.from(entry.content);
  if (entry.type === 'link') return Buffer.from(entry.target);
  return Buffer.alloc(0);
}

function header(inode: number, mode: number, size: number, device: number[], path: string): Buffer {
  const [major = 0, minor = 0] = device;
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  // uid, gid and the time are 0, as is the checksum, which this variant of the format leaves unused
  const fields = [inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name.length, 0];
  const text = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return pad(Buffer.concat([Buffer.from(text), name]), 4);
}

function trailer(): Buffer[] {
  return [header(0, 0, 0, [], 'TRAILER!!!')];
}

function pad(bytes: Buffer, unit: number): Buffer {
  const rest = bytes.length % unit;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(unit - rest)]);
}
