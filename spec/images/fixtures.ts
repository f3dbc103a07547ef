/** Guests, image sources and folders for the tests of guest disks. Each test owns what it makes. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { GuestSpec, ImageFile } from '../../actors/hypervisor/hypervisor.ts';
import type { ImageSource } from '../../actors/images/guest-disks.ts';
import { type Failure, FailureError, fail } from '../../machines/failure.ts';

export const never = new AbortController().signal;

export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function guestSpec(n: number, more: Partial<GuestSpec> = {}): GuestSpec {
  return {
    uuid: uuid(n),
    domainName: `instance-${uuid(n).slice(0, 8)}`,
    displayName: 'a guest',
    projectId: 'project',
    userId: 'user',
    flavor: { name: 'm1.tiny', vcpus: 1, memoryMb: 96, rootGb: 0 },
    image: { id: 'image', name: 'image', diskFormat: 'none' },
    ports: [
      {
        id: uuid(0x1000 + n),
        mac: '02:00:00:00:00:01',
        bridge: 'br0',
        mtu: 1450,
        fixedIps: [{ address: '10.0.0.5', prefixLength: 22, gateway: '10.0.0.1' }],
        dnsServers: ['10.0.0.2'],
      },
    ],
    configDrive: { hostname: 'guest', availabilityZone: 'nova', metadata: {}, publicKeys: [], files: [] },
    ...more,
  };
}

export function imageFile(bytes: Uint8Array): ImageFile {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
}

/** Serves these bytes under their digest, or under another one to play a broken store; counts what was opened. */
export class MemorySource implements ImageSource {
  readonly opened: string[] = [];
  readonly #images = new Map<string, Uint8Array>();

  add(bytes: Uint8Array, sha256 = imageFile(bytes).sha256): ImageFile {
    this.#images.set(sha256, bytes);
    return { sha256, size: bytes.length };
  }

  async open(sha256: string): Promise<ReadableStream<Uint8Array>> {
    this.opened.push(sha256);
    const bytes = this.#images.get(sha256);
    if (!bytes) throw fail('image_unavailable', 'no such image');
    return ReadableStream.from(chunksOf(bytes));
  }
}

function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** A folder that is gone when the test is over, however it ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-spec-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What a promise fails with; throws when it does not fail. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof FailureError) return thrown.failure;
    throw thrown;
  }
  throw new Error('it did not fail');
}
