/** Images: announced, brought in chunks, and finished. Files are the cloud's: two images of the same file share it. */
import { type FailureError, fail } from '../../machines/failure.ts';
import { type CreateImage, maxChunkBytes } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import { type Image, imageFileRoles } from '../../transport/messages/records.ts';
import { conflict } from '../../transport/nats/bucket.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { ImageStore } from '../images/image-store.ts';
import { ImageUploads } from '../images/image-uploads.ts';
import { isImageMeantBy, storedFilesOf, viewImage } from '../records/image-view.ts';
import { found, isSeenBy, missing, named } from '../records/lookup.ts';
import { changeRecord } from './change-record.ts';
import { changedMetadata } from './changed-metadata.ts';
import { ImageFinishing } from './image-finishing.ts';
import { ImageRemoval } from './image-removal.ts';
import type { Writes } from './writes.ts';

/** How long a client waits for its image before it is told that the image is being saved (ms). */
const patienceMs = 10_000;

export const imageWrites: Writes = async (on, world) => {
  const { store, clock, chance, bus, logger, room } = world;
  const [images, view, files, uploads, removal] = await Promise.all([
    store.bucket('image'),
    store.view('image'),
    ImageStore.open(bus),
    ImageUploads.open(world),
    ImageRemoval.open(world),
  ]);
  const finishing = new ImageFinishing({ images, view, uploads, removal, logger });

  /** An image that the caller may change. */
  async function find(idOrName: string, caller: Caller): Promise<Image> {
    const image = await found(view, () => named(view, idOrName, 'image', '/image', isImageMeantBy(caller, idOrName)));
    if (image.projectId === undefined && !isAdmin(caller)) {
      throw fail('forbidden', `image ${image.name} is everybody's: only administrators change it`, {
        details: { field: '/image' },
      });
    }
    return image;
  }

  on(api.image.create, async ({ isPublic = false, ...request }, { caller }) => {
    const inconsistency = inconsistencyOf(request);
    if (inconsistency) throw inconsistency;
    if (isPublic) refusePublic(caller);
    await room.confirm(imageFileRoles.reduce((sum, role) => sum + (request[role]?.size ?? 0), 0));
    const announced: Image = {
      id: chance.uuid(),
      status: 'queued',
      minDiskGb: 0,
      minMemoryMb: 0,
      properties: {},
      ...request,
      ...(!isPublic && { projectId: caller.projectId }),
      missing: imageFileRoles.filter((role) => request[role]),
      createdAt: clock.now(),
    };
    const created = await images.create(announced.id, announced);
    if (created === conflict) throw new Error(`the id ${announced.id} was made up twice`);
    // From here on nobody removes its files: what is there now stays there.
    await view.reached(created);
    const image = await withoutStored(announced, caller);
    const revision = await images.update(image.id, image, created);
    if (revision === conflict) throw missing('image', image.id, '/image');
    return { reply: { image: viewImage(image) }, written: [{ bucket: 'image', revision }] };
  });

  async function withoutStored({ missing: roles = [], ...image }: Image, caller: Caller): Promise<Image> {
    const absent: typeof roles = [];
    for (const role of roles) {
      const { sha256 = '', size } = image[role] ?? {};
      const isAtHand = hasAtHand(sha256, caller) && !removal.isRemoving(sha256);
      const stored = isAtHand ? await files.sizeOf(sha256) : undefined;
      if (stored === undefined) absent.push(role);
      else if (stored !== size) {
        await images.remove(image.id);
        throw refused(`/${role}/size`, `is not that of the file with this SHA-256, which has ${stored} bytes`);
      }
    }
    return absent.length > 0 ? { ...image, missing: absent } : { ...image, status: 'active' };
  }

  /** Whether the caller can launch the file as it is: to know the digest of another project's is not to have it. */
  function hasAtHand(sha256: string, caller: Caller): boolean {
    for (const image of view.values()) {
      if (isSeenBy(caller)(image) && storedFilesOf(image).some((file) => file.sha256 === sha256)) return true;
    }
    return false;
  }

  on(api.image.upload, async ({ image: idOrName, file: role, offset, data }, { caller }) => {
    const image = await find(idOrName, caller);
    const file = image[role];
    if (!file) throw refused('/file', `is no file of image ${image.name}: it has announced no ${role}`);
    if (!image.missing?.includes(role)) {
      throw fail('conflict', `field /file: the cloud has the ${role} of image ${image.name} already`, {
        details: { field: '/file' },
      });
    }
    // A file that is put together is there twice for a while.
    await room.confirm(file.size);
    await uploads.take({ image: image.id, role, ...file }, offset, Buffer.from(data, 'base64'));
    return { reply: { chunkBytes: maxChunkBytes } };
  });

  on(api.image.finish, async ({ image: idOrName }, { caller }) => {
    const { id } = await find(idOrName, caller);
    const waiting = Promise.withResolvers<undefined>();
    const stopWaiting = clock.after(patienceMs, () => waiting.resolve(undefined));
    const finished = await Promise.race([finishing.finish(id), waiting.promise]).finally(stopWaiting);
    const entry = finished ?? (await images.get(id));
    if (!entry) throw missing('image', idOrName, '/image');
    return {
      reply: { image: viewImage(entry.value) },
      written: [{ bucket: 'image', revision: entry.revision }],
    };
  });

  on(api.image.update, async ({ image: idOrName, isPublic, properties = {}, ...replaced }, { caller }) => {
    const { id } = await find(idOrName, caller);
    if (isPublic) refusePublic(caller);
    const changed = await changeRecord(images, id, ({ projectId, ...image }) => {
      if (image.deletion) throw missing('image', idOrName, '/image');
      // An image that was everybody's becomes the administrator's project's.
      const owner = isPublic === undefined ? projectId : isPublic ? undefined : (projectId ?? caller.projectId);
      return {
        ...image,
        ...replaced,
        properties: changedMetadata(image.properties, properties, '/properties'),
        ...(owner !== undefined && { projectId: owner }),
      };
    });
    if (!changed) throw missing('image', idOrName, '/image');
    return {
      reply: { image: viewImage(changed.value) },
      written: [{ bucket: 'image', revision: changed.revision }],
    };
  });

  on(api.image.delete, async ({ image: idOrName }, { caller }) => {
    const { id } = await find(idOrName, caller);
    const revision = await removal.remove(id);
    if (revision === undefined) throw missing('image', idOrName, '/image');
    return { reply: {}, written: [{ bucket: 'image', revision }] };
  });
};

/** What is wrong with the files of an image, beyond what a schema can say. */
function inconsistencyOf({
  diskFormat,
  disk,
  kernel,
  ramdisk,
  kernelArguments,
}: CreateImage): FailureError | undefined {
  if (!disk && !kernel)
    return refused(diskFormat === 'none' ? '/kernel' : '/disk', 'is required: an image has a disk, a kernel, or both');
  if (disk && diskFormat === 'none') return refused('/diskFormat', 'must be that of /disk');
  if (!disk && diskFormat !== 'none') return refused('/diskFormat', 'must be none without a /disk');
  if (ramdisk && !kernel) return refused('/ramdisk', 'needs a /kernel');
  if (kernelArguments !== undefined && !kernel) return refused('/kernelArguments', 'needs a /kernel');
  return undefined;
}

function refused(field: string, why: string): FailureError {
  return fail('invalid_request', `field ${field} ${why}`, { details: { field } });
}

function refusePublic(caller: Caller): void {
  if (isAdmin(caller)) return;
  throw fail('forbidden', 'field /isPublic: only administrators make images for everybody', {
    details: { field: '/isPublic' },
  });
}
