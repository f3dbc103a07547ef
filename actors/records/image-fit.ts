/** Whether a flavor has room for an image. Nova's _validate_flavor_image_nostatus. */
import { fail } from '../../machines/failure.ts';
import type { Flavor, Image } from '../../transport/messages/records.ts';

/** How much is needed, and how much the flavor gives. */
interface Shortage {
  needed: number;
  given: number;
}

const bytesPerGb = 1024 ** 3;

/** In GiB. A host that opens the file may find that it needs more still. */
export function diskShortageOf(image: Image, { rootGb }: Pick<Flavor, 'rootGb'>): Shortage | undefined {
  // 0: as large as the image's own disk.
  if (rootGb === 0) return undefined;
  return shortage(Math.max(image.minDiskGb, (image.disk?.size ?? 0) / bytesPerGb), rootGb);
}

/** Throws `invalid_request`; `field` is what the request could say otherwise: the flavor, or the image. */
export function refuseMisfit(image: Image, flavor: Flavor, field: string): void {
  const shortages = {
    memory: shortage(image.minMemoryMb, flavor.memoryMb),
    disk: diskShortageOf(image, flavor),
  };
  for (const [what, lacking] of Object.entries(shortages)) {
    if (!lacking) continue;
    const message = `field ${field}: flavor ${flavor.name} has less ${what} than image ${image.name} needs`;
    throw fail('invalid_request', message, { details: { field, ...lacking } });
  }
}

function shortage(needed: number, given: number): Shortage | undefined {
  return needed > given ? { needed, given } : undefined;
}
