/** Brings a file to the cloud as the disk of an image: its digest first, then chunk by chunk what is not there yet. */
import { fail, toFailure } from '../../../machines/failure.ts';
import { type CreateImage, type ImageView, maxChunkBytes } from '../../messages/api/image.ts';
import { api } from '../../messages/api.ts';
import { ask, mayPass } from '../ask.ts';
import { shownTo, untilSignedIn } from '../session.ts';
import { Sha256 } from './sha256.ts';

/** So many chunks are on their way at a time. */
const atOnce = 3;
/** How often it is asked whether the image is put together (ms). */
const askAgainMs = 1_000;
/** How soon is sent again what nobody has answered, later and later, and when it is given up (ms). */
const leastPauseMs = 500;
const mostPauseMs = 16_000;

export interface UploadProgress {
  step: 'reading' | 'uploading' | 'finishing';
  /** From 0 to 1. */
  done: number;
}

/** Waits for whose session has run out. Rejects with the failure of the API, or with the signal's reason. */
export async function uploadImage(
  request: Omit<CreateImage, 'disk'>,
  file: File,
  signal: AbortSignal,
  onProgress: (progress: UploadProgress) => void,
): Promise<ImageView> {
  const sha256 = await digestOf(file, signal, (done) => onProgress({ step: 'reading', done }));
  const { image } = await signedIn(
    () => ask(api.image.create, { ...request, disk: { sha256, size: file.size } }),
    signal,
  );
  if (image.missing.length === 0) return image;
  try {
    await uploadChunks(image, file, signal, (done) => onProgress({ step: 'uploading', done }));
    onProgress({ step: 'finishing', done: 1 });
    return await finish(image, signal);
  } catch (error) {
    await ask(api.image.delete, { image: image.id }).catch(() => {});
    throw error;
  }
}

async function digestOf(file: File, signal: AbortSignal, onDone: (done: number) => void): Promise<string> {
  const hash = new Sha256();
  for (let at = 0; at < file.size; at += maxChunkBytes) {
    signal.throwIfAborted();
    hash.update(new Uint8Array(await chunk(file, at).arrayBuffer()));
    onDone(Math.min(1, (at + maxChunkBytes) / file.size));
  }
  return hash.digest();
}

async function uploadChunks(
  image: ImageView,
  file: File,
  signal: AbortSignal,
  onDone: (done: number) => void,
): Promise<void> {
  let next = 0;
  let sent = 0;
  async function work(): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const offset = next;
      next += maxChunkBytes;
      if (offset >= file.size && offset > 0) return;
      const data = await base64Of(chunk(file, offset));
      await patiently(() => ask(api.image.upload, { image: image.id, file: 'disk', offset, data }), signal);
      sent += maxChunkBytes;
      onDone(Math.min(1, sent / file.size));
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function finish({ id }: ImageView, signal: AbortSignal): Promise<ImageView> {
  for (;;) {
    const { image } = await patiently(() => ask(api.image.finish, { image: id }), signal);
    if (image.status !== 'saving') return image;
    await pause(askAgainMs, signal);
  }
}

/** Sends again what is the same when it is sent twice: hours of uploading do not end with one answer that is lost. */
async function patiently<R>(send: () => Promise<R>, signal: AbortSignal): Promise<R> {
  for (let pauseMs = leastPauseMs; ; pauseMs *= 2) {
    try {
      return await signedIn(send, signal);
    } catch (error) {
      if (!mayPass(toFailure(error)) || pauseMs > mostPauseMs) throw error;
    }
    await pause(pauseMs, signal);
  }
}

/** What nobody is signed in for is not done: it is sent again by whoever has signed in again. */
async function signedIn<R>(send: () => Promise<R>, signal: AbortSignal): Promise<R> {
  const who = shownTo.peek();
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (toFailure(error).code !== 'unauthenticated') throw error;
    }
    await untilSignedIn(who, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, ms));
  signal.throwIfAborted();
}

function chunk(file: File, at: number): Blob {
  return file.slice(at, at + maxChunkBytes);
}

function base64Of(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(fail('unavailable', 'the file cannot be read any more'));
    reader.readAsDataURL(blob);
  });
}
