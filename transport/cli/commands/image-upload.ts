/**
 * `kilonova image create`: announces an image of local files, brings what is missing in chunks, and waits until it is
 * checked.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fail, toFailure } from '../../../machines/failure.ts';
import { type CreateImage, type ImageView, maxChunkBytes } from '../../messages/api/image.ts';
import { api } from '../../messages/api.ts';
import type { ApiClient } from '../../nats/api-client.ts';
import { formatBytes } from '../client/format-value.ts';
import type { Invocation } from '../client/invocation.ts';
import { bodyOf } from '../client/request-body.ts';

const roles = ['disk', 'kernel', 'ramdisk'] as const;
type Role = (typeof roles)[number];
type ImageFile = NonNullable<ImageView['disk']>;

/** Chunks on their way at once: while one is written, the next is read and sent. */
const lanes = 4;
const askAgainMs = 500;

interface Upload {
  client: ApiClient;
  signal: AbortSignal;
  say: (line: string, isLast?: boolean) => void;
}

export async function createImage(invocation: Invocation): Promise<void> {
  const { client, command, output, signal } = invocation;
  const upload = { client, signal, say: output.isQuiet || output.isJson ? () => {} : saying() };
  const paths = command.opts<Partial<Record<Role, string>>>();
  const files: Partial<Record<Role, ImageFile>> = {};
  for (const role of roles) if (paths[role]) files[role] = await digest(role, paths[role], upload);
  const announced = await client.ask(api.image.create, (await bodyOf(invocation, files)) as CreateImage);
  const image = await complete(announced.image, paths, upload).catch(async (thrown: unknown) => {
    // Half an image is of no use to anybody.
    await client.ask(api.image.delete, { image: announced.image.id }).catch(() => undefined);
    throw thrown;
  });
  output.replies([{ image }], [image.name]);
}

async function complete(image: ImageView, paths: Partial<Record<Role, string>>, upload: Upload): Promise<ImageView> {
  for (const role of image.missing) await send(image, role, paths[role] ?? '', upload);
  let latest = image;
  while (latest.status !== 'active') {
    latest = (await upload.client.ask(api.image.finish, { image: image.id })).image;
    upload.signal.throwIfAborted();
    if (latest.status !== 'active') await pause(askAgainMs);
  }
  return latest;
}

async function digest(role: Role, path: string, { say, signal }: Upload): Promise<ImageFile> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
      hash.update(chunk);
      size += chunk.length;
      say(`${role}: computing its SHA-256, ${formatBytes(size)}`);
    }
  } catch (thrown) {
    signal.throwIfAborted();
    throw fail('invalid_request', `--${role} cannot be read: ${toFailure(thrown).message}`);
  }
  if (size === 0) throw fail('invalid_request', `--${role} is an empty file: ${path}`);
  return { sha256: hash.digest('hex'), size };
}

async function send(image: ImageView, role: Role, path: string, { client, signal, say }: Upload): Promise<void> {
  const size = image[role]?.size ?? 0;
  const file = await open(path);
  let next = 0;
  let sent = 0;
  async function lane(): Promise<void> {
    while (next < size) {
      signal.throwIfAborted();
      const offset = next;
      next += maxChunkBytes;
      const chunk = await readChunk(file, offset, Math.min(maxChunkBytes, size - offset));
      await client.ask(api.image.upload, { image: image.id, file: role, offset, data: chunk.toString('base64') });
      sent += chunk.length;
      say(`${role}: ${formatBytes(sent)} of ${formatBytes(size)} (${Math.floor((100 * sent) / size)} %)`);
    }
  }
  try {
    await Promise.all(Array.from({ length: size > maxChunkBytes ? lanes : 1 }, lane));
  } finally {
    await file.close();
  }
  say(`${role}: ${formatBytes(size)} uploaded`, true);
}

async function readChunk(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  if (bytesRead < length) throw fail('conflict', 'the file has become shorter since its SHA-256 was computed');
  return buffer;
}

/** On a terminal one line that counts; elsewhere only what is done. */
function saying(): Upload['say'] {
  return (line, isLast = false) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K  ${line}${isLast ? '\n' : ''}`);
    else if (isLast) process.stderr.write(`  ${line}\n`);
  };
}
