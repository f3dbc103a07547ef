/**
 * The images a host has already fetched, one file per SHA-256: Nova's image cache. A file under its final name is
 * complete, was verified and reached the disk; everything else is named `*.partial` and counts for nothing.
 *
 * Many guests that want the same image at the same time share one download, which is aborted when the last of them
 * gives up. What a download left that died with its process is swept at the first use after a restart.
 *
 * Files have mode 0644 because QEMU runs as another user; the folder cannot be listed by others (0711), so only who
 * knows an image's digest, and so its bytes, can open it. Nothing is ever evicted: running guests stand on these files.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError, fail } from '../../machines/failure.ts';
import type { ImageFile } from '../hypervisor/hypervisor.ts';
import { cancelled } from '../process/cancelled.ts';
import { toDiskFailure } from './disk-failure.ts';
import type { ImageSource } from './guest-disks.ts';
import { type InspectedFormat, inspectImage } from './image-inspection.ts';
import { makePassage } from './make-passage.ts';
import { SharedWork } from './shared-work.ts';

const sha256Pattern = /^[0-9a-f]{64}$/;
/** A download writes all the time: a partial file nobody has written to for so long has lost its process. */
const abandonedAfterMs = 3_600_000;

export class ImageCache {
  readonly #directory: string;
  readonly #source: ImageSource;
  readonly #qemuImg: string;
  readonly #downloads = new SharedWork<void>();
  readonly #inspections = new SharedWork<number>();
  /** By digest and format. The bytes behind a digest do not change, so neither does the answer. */
  readonly #virtualSizes = new Map<string, number>();
  #swept: Promise<void> | undefined;

  constructor(options: { directory: string; source: ImageSource; qemuImg: string }) {
    this.#directory = options.directory;
    this.#source = options.source;
    this.#qemuImg = options.qemuImg;
  }

  /** Where the image's bytes are once `fetch` has resolved. Refuses anything but a digest: it becomes a file name. */
  path(image: ImageFile): string {
    if (!sha256Pattern.test(image.sha256)) {
      throw fail('invalid_request', 'the image has no valid SHA-256', { details: { field: 'sha256' } });
    }
    return join(this.#directory, image.sha256);
  }

  /** Idempotent by digest. Rejects with `image_unavailable` and `disk_full`. */
  async fetch(image: ImageFile, signal: AbortSignal): Promise<string> {
    const path = this.path(image);
    await this.#downloads.run(`${image.sha256} ${image.size}`, signal, async (shared) => {
      const present = await stat(path).catch(() => undefined);
      if (present?.isFile() && present.size === image.size) return;
      try {
        await this.#prepare();
        await this.#download(image, path, shared);
      } catch (thrown) {
        throw toDiskFailure(thrown);
      }
    });
    return path;
  }

  /** The virtual size of a fetched disk image in bytes, after it was found safe to use. */
  async inspect(image: ImageFile, format: InspectedFormat, signal: AbortSignal): Promise<number> {
    const key = `${image.sha256} ${format}`;
    const known = this.#virtualSizes.get(key);
    if (known !== undefined) return known;
    const size = await this.#inspections.run(key, signal, (shared) =>
      inspectImage(this.path(image), format, { qemuImg: this.#qemuImg, signal: shared }),
    );
    this.#virtualSizes.set(key, size);
    return size;
  }

  async #prepare(): Promise<void> {
    await makePassage(this.#directory);
    this.#swept ??= this.#sweep();
    await this.#swept;
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      if (!name.endsWith('.partial')) continue;
      const path = join(this.#directory, name);
      const found = await stat(path).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > abandonedAfterMs) await rm(path, { force: true });
    }
  }

  async #download(image: ImageFile, path: string, signal: AbortSignal): Promise<void> {
    const partial = `${path}.${randomUUID()}.partial`;
    try {
      const stream = await this.#open(image, signal);
      {
        await using file = await open(partial, 'wx', 0o600);
        await writeVerified(image, stream, file, signal);
        await file.chmod(0o644);
        // Without this a power cut could leave the final name with nothing behind it.
        await file.sync();
      }
      if (signal.aborted) throw cancelled(signal);
      await rename(partial, path);
    } finally {
      await rm(partial, { force: true });
    }
  }

  async #open(image: ImageFile, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const opening = this.#source.open(image.sha256);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = () => {
      reject(cancelled(signal));
      // Nobody will read a stream that comes too late.
      opening.then((late) => late.cancel()).catch(() => {});
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([opening, aborted]);
    } catch (thrown) {
      throw unreadable(image, thrown);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/** Copies the stream to the file; rejects unless exactly the promised bytes came. Stops reading at the first too many. */
async function writeVerified(
  image: ImageFile,
  stream: ReadableStream<Uint8Array>,
  file: FileHandle,
  signal: AbortSignal,
): Promise<void> {
  const reader = stream.getReader();
  const giveUp = () => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', giveUp, { once: true });
  const hash = createHash('sha256');
  let received = 0;
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read().catch((thrown: unknown) => {
        throw unreadable(image, thrown);
      });
      if (done) break;
      received += value.length;
      if (received > image.size) throw corrupt(image, `it has more than ${image.size} bytes`);
      hash.update(value);
      await file.writeFile(value);
    }
  } finally {
    signal.removeEventListener('abort', giveUp);
    giveUp();
  }
  if (signal.aborted) throw cancelled(signal);
  if (received < image.size) throw corrupt(image, `it ended after ${received} of ${image.size} bytes`, 'retry');
  if (hash.digest('hex') !== image.sha256) throw corrupt(image, 'its bytes do not match its SHA-256');
}

function corrupt(image: ImageFile, reason: string, disposition: 'retry' | 'abort' = 'abort'): FailureError {
  return fail('image_unavailable', `image file ${image.sha256} is refused: ${reason}`, {
    disposition,
    details: { sha256: image.sha256 },
  });
}

function unreadable(image: ImageFile, thrown: unknown): FailureError {
  if (thrown instanceof FailureError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return fail('image_unavailable', `image file ${image.sha256} could not be read: ${reason}`, {
    disposition: 'retry',
    details: { sha256: image.sha256 },
  });
}
