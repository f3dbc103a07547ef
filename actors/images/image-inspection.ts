/**
 * Looks at a disk image from a stranger before any guest, and so QEMU with the host's files in reach, uses it.
 *
 * A qcow2 file may name another file as its backing file or its data file, and QEMU would hand that file to the
 * guest: OpenStack's CVE-2024-32498. Some versions of `qemu-img info` open the data file as well, so the header is
 * read here first, and only then by qemu-img, as the format it claims to be and with Nova's QEMU_IMG_LIMITS.
 */
import { open } from 'node:fs/promises';
import { FailureError, fail } from '../../machines/failure.ts';
import { commandTrouble, runCommand } from '../process/run-command.ts';

export type InspectedFormat = 'qcow2' | 'raw';

const limits = { addressSpaceBytes: 1024 ** 3, cpuSeconds: 30 };
const deadlineMs = 60_000;

const qcow2Magic = 0x51_46_49_fb;
/** Where the fields of the header begin, from QEMU's docs/interop/qcow2. */
const header = { version: 4, backingFileOffset: 8, cryptMethod: 32, incompatibleFeatures: 72, bytes: 104 };
const dataFileFeature = 1n << 2n;
/** Dirty, corrupt, compression type, extended L2: the features besides an own data file that QEMU has. */
const harmlessFeatures = 0b11011n;

/** Resolves with the virtual size in bytes; rejects with `image_unavailable` when the image must not be used. */
export async function inspectImage(
  path: string,
  format: InspectedFormat,
  options: { qemuImg: string; signal: AbortSignal },
): Promise<number> {
  if (format === 'qcow2') {
    const reason = refusalOf(await readHeader(path));
    if (reason) throw unusable(reason);
  }
  const info = await readInfo(path, format, options);
  const data = field(field(info, 'format-specific'), 'data');
  if (field(info, 'backing-filename') !== undefined) throw unusable('it names a backing file');
  if (field(data, 'data-file') !== undefined) throw unusable('it names a data file');
  if (field(info, 'encrypted') === true) throw unusable('it is encrypted');
  if (field(data, 'corrupt') === true) throw unusable('it is marked corrupt');
  const virtualSize = field(info, 'virtual-size');
  if (field(info, 'format') !== format || typeof virtualSize !== 'number') throw unusable(`it is not ${format}`);
  return virtualSize;
}

async function readHeader(path: string): Promise<Buffer> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(header.bytes), 0, header.bytes, 0);
  return buffer.subarray(0, bytesRead);
}

/** Why this header is refused; undefined when it is harmless. */
export function refusalOf(bytes: Buffer): string | undefined {
  if (bytes.length < header.incompatibleFeatures || bytes.readUInt32BE(0) !== qcow2Magic) return 'it is not qcow2';
  const version = bytes.readUInt32BE(header.version);
  if (version !== 2 && version !== 3) return `its qcow2 version ${version} is unknown`;
  if (bytes.readBigUInt64BE(header.backingFileOffset) !== 0n) return 'it names a backing file';
  if (bytes.readUInt32BE(header.cryptMethod) !== 0) return 'it is encrypted';
  if (version === 2) return undefined;
  if (bytes.length < header.bytes) return 'its header is cut off';
  const features = bytes.readBigUInt64BE(header.incompatibleFeatures);
  if ((features & dataFileFeature) !== 0n) return 'it names a data file';
  if ((features & ~harmlessFeatures) !== 0n) return 'it uses unknown features';
  return undefined;
}

async function readInfo(
  path: string,
  format: InspectedFormat,
  { qemuImg, signal }: { qemuImg: string; signal: AbortSignal },
): Promise<unknown> {
  try {
    const { stdout } = await runCommand(qemuImg, ['info', '-f', format, '--output=json', path], {
      signal,
      limits,
      deadlineMs,
    });
    return JSON.parse(stdout);
  } catch (thrown) {
    // qemu-img that ran and failed found fault with the image; that it is missing is the host's fault.
    if (thrown instanceof FailureError && commandTrouble(thrown.failure)?.trouble === 'failed') {
      throw unusable(`qemu-img cannot read it as ${format}`, thrown);
    }
    throw thrown;
  }
}

function unusable(reason: string, cause?: FailureError): FailureError {
  return fail('image_unavailable', `the image is refused: ${reason}`, {
    details: { reason },
    ...(cause ? { cause: cause.failure } : {}),
  });
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
