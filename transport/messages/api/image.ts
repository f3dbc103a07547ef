/**
 * Requests about images. An image comes in three steps: `create` says what files it will have, `upload` brings each of
 * them in chunks, `finish` checks them and makes the image fit to launch.
 */
import Type, { type Static } from 'typebox';
import { Base64, Described, Exact, Id, MetadataChanges, maxInteger, Name, OneOf, Timestamp, Uuid } from '../common.ts';
import { Image, ImageFile, imageFileRoles } from '../records.ts';
import { read, write } from './endpoint.ts';
import { ImageRef, markedBy, Nothing, paging } from './fields.ts';

/** Of one chunk, before base64. */
export const maxChunkBytes = 384 * 1024;

export const ImageView = Exact(
  {
    id: Uuid,
    name: Type.String(),
    status: Image.properties.status,
    isPublic: Type.Boolean({ description: 'every project may launch it' }),
    projectId: Type.Optional(Described(Id, 'whose it is; absent: everybody’s')),
    diskFormat: Image.properties.diskFormat,
    disk: Type.Optional(ImageFile),
    kernel: Type.Optional(ImageFile),
    ramdisk: Type.Optional(ImageFile),
    kernelArguments: Image.properties.kernelArguments,
    minDiskGb: Image.properties.minDiskGb,
    minMemoryMb: Image.properties.minMemoryMb,
    properties: Image.properties.properties,
    missing: Type.Array(OneOf(imageFileRoles), { description: 'the files that are yet to be uploaded' }),
    createdAt: Timestamp,
  },
  { title: 'Image' },
);
export type ImageView = Static<typeof ImageView>;

export const CreateImage = Exact({
  name: Name,
  diskFormat: Image.properties.diskFormat,
  disk: Type.Optional(ImageFile),
  kernel: Type.Optional(ImageFile),
  ramdisk: Type.Optional(ImageFile),
  kernelArguments: Image.properties.kernelArguments,
  minDiskGb: Type.Optional(Image.properties.minDiskGb),
  minMemoryMb: Type.Optional(Image.properties.minMemoryMb),
  properties: Type.Optional(Image.properties.properties),
  isPublic: Type.Optional(Type.Boolean({ description: 'for every project; only administrators make such images' })),
});
export type CreateImage = Static<typeof CreateImage>;

const OneImage = Exact({ image: ImageRef });
const OneView = Exact({ image: ImageView });

export const imageEndpoints = {
  create: write({
    name: 'image.create',
    description:
      'Announces an image and the size and SHA-256 of each of its files. Files of images that the project may launch need ' +
      'no upload: `missing` in the reply names the others. With none missing the image is active at once.',
    request: CreateImage,
    reply: OneView,
  }),
  upload: write({
    name: 'image.upload',
    description:
      'Brings one chunk of a file. Chunks come in any order and may come again; all but the last are of `chunkBytes`.',
    request: Exact({
      image: ImageRef,
      file: Described(OneOf(imageFileRoles), 'which of its files'),
      offset: Type.Integer({
        minimum: 0,
        maximum: maxInteger,
        description: 'where in the file the chunk begins: a multiple of chunkBytes',
      }),
      data: Base64((maxChunkBytes / 3) * 4, 'the bytes of the chunk'),
    }),
    reply: Exact({
      chunkBytes: Type.Literal(maxChunkBytes, { description: 'of each chunk but the last, before base64' }),
    }),
    maxBytes: 768 * 1024,
  }),
  finish: write({
    name: 'image.finish',
    description:
      'Puts the chunks of each file together and checks size and digest; then the image is active. Answered with ' +
      'status `saving` when that takes longer than ten seconds: ask again. A file that does not match is to be uploaded anew.',
    timeoutMs: 60_000,
    request: OneImage,
    reply: OneView,
  }),
  get: read({
    name: 'image.get',
    description: 'One image, by id or name.',
    request: OneImage,
    reply: OneView,
  }),
  list: read({
    name: 'image.list',
    description: 'The images that the project may launch or is uploading, by name.',
    request: Exact({
      name: Type.Optional(Name),
      status: Type.Optional(Image.properties.status),
      ...paging,
      marker: markedBy(ImageRef),
    }),
    reply: Exact({ images: Type.Array(ImageView) }),
  }),
  update: write({
    name: 'image.update',
    description: 'Renames an image, or changes what it needs: what is not given stays as it is.',
    request: Exact({
      image: ImageRef,
      name: Type.Optional(Name),
      minDiskGb: Type.Optional(Image.properties.minDiskGb),
      minMemoryMb: Type.Optional(Image.properties.minMemoryMb),
      properties: Type.Optional(MetadataChanges),
      isPublic: Type.Optional(Type.Boolean({ description: 'for every project; only administrators change it' })),
    }),
    reply: OneView,
  }),
  delete: write({
    name: 'image.delete',
    description: 'Deletes an image; a file that another image or an instance still needs stays in the store.',
    request: OneImage,
    reply: Nothing,
  }),
};
