/** An image, and its files, which are named by what is in them. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Id, Metadata, maxInteger, Name, OneOf, Sha256, Text, Time, Uuid } from '../common.ts';
import { maxDiskGb, maxMemoryMb } from './flavor.ts';

export const ImageFile = Exact(
  { sha256: Sha256, size: Type.Integer({ minimum: 0, maximum: maxInteger, description: 'in bytes' }) },
  { title: 'ImageFile' },
);
export const imageFileRoles = ['disk', 'kernel', 'ramdisk'] as const;
/** Announced; being put together from its chunks; fit to launch. */
export const imageStatuses = ['queued', 'saving', 'active'] as const;

export const Image = Exact({
  id: Uuid,
  name: Name,
  status: Described(OneOf(imageStatuses), 'announced; being put together from its chunks; fit to launch'),
  diskFormat: Described(OneOf(['qcow2', 'raw', 'none']), 'of the disk; none: only a kernel and a ramdisk'),
  disk: Type.Optional(ImageFile),
  kernel: Type.Optional(ImageFile),
  ramdisk: Type.Optional(ImageFile),
  kernelArguments: Type.Optional(Described(Text, 'the command line of the kernel')),
  minDiskGb: Type.Integer({
    minimum: 0,
    maximum: maxDiskGb,
    description: 'the least root disk of a flavor for it, in GiB',
  }),
  minMemoryMb: Type.Integer({
    minimum: 0,
    maximum: maxMemoryMb,
    description: 'the least memory of a flavor for it, in MiB',
  }),
  /** Nova's image properties. */
  properties: Described(Metadata, 'what a host must offer, for example `architecture`: `x86_64`'),
  /** Whose it is; absent: everybody's. */
  projectId: Type.Optional(Id),
  /** The files that are yet to be uploaded; absent: none. */
  missing: Type.Optional(Type.Array(OneOf(imageFileRoles))),
  /** Nobody finds it any more: it stays while an instance needs it, and until its files are removed. */
  deletion: Type.Optional(OneOf(['asked', 'underway'])),
  createdAt: Time,
});
export type Image = Static<typeof Image>;
