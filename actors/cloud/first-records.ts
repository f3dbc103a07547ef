/**
 * What a new cloud has at once: flavors, a network, and an image where one could be built. Idempotent. What is there and
 * cannot be read keeps nothing from starting: a cloud can do without.
 */
import type { Flavor } from '../../transport/messages/records.ts';
import { registeredId, registerImage } from '../images/image-store.ts';
import { type DefaultNetwork, ensureDefaultNetwork } from '../network/default-network.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { unlessUnreadable } from '../runtime/unless-unreadable.ts';
import type { TestImage } from '../setup/test-image.ts';

/** Nova's own, and one that is just enough for the test image. */
export const firstFlavors: Flavor[] = [
  { id: '0', name: 'm1.micro', vcpus: 1, memoryMb: 128, rootGb: 0 },
  { id: '1', name: 'm1.tiny', vcpus: 1, memoryMb: 512, rootGb: 1 },
  { id: '2', name: 'm1.small', vcpus: 1, memoryMb: 2048, rootGb: 20 },
  { id: '3', name: 'm1.medium', vcpus: 2, memoryMb: 4096, rootGb: 40 },
  { id: '4', name: 'm1.large', vcpus: 4, memoryMb: 8192, rootGb: 80 },
  { id: '5', name: 'm1.xlarge', vcpus: 8, memoryMb: 16384, rootGb: 160 },
];

/** The revision of a key that nobody has written, or removed, yet. */
const never = 0;

export const testImageName = 'kilonova-test';

/**
 * Removes nothing and overwrites nothing: a flavor that was changed stays changed, and what was deleted stays so. Resolves
 * with the name of the image.
 */
export async function ensureFirstRecords(
  runtime: Runtime,
  testImage: TestImage | undefined,
  network: DefaultNetwork = {},
): Promise<string> {
  const { logger, store } = runtime;
  const flavors = await store.bucket('flavor');
  await Promise.all(firstFlavors.map((flavor) => flavors.update(flavor.id, flavor, never)));
  await unlessUnreadable(logger, 'the first network', () => ensureDefaultNetwork(runtime, network));
  const name = testImage ? testImageName : 'simulated';
  return (await unlessUnreadable(logger, name, () => ensureImage(runtime, name, testImage))) ?? name;
}

async function ensureImage(runtime: Runtime, name: string, testImage: TestImage | undefined): Promise<string> {
  const images = await runtime.store.bucket('image');
  const { value: image, revision } = await images.look(registeredId(name));
  if (image?.deletion || (!image && revision !== never)) return name;
  const registered = await registerImage(runtime, {
    name,
    diskFormat: testImage ? 'qcow2' : 'none',
    ...(testImage && {
      disk: testImage.disk,
      kernel: testImage.kernel,
      ramdisk: testImage.ramdisk,
      kernelArguments: testImage.kernelArguments,
      minMemoryMb: 96,
    }),
  });
  return registered.name;
}
