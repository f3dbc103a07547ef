/** A flavor: what each instance of it has of its host. */
import Type, { type Static } from 'typebox';
import { Described, Exact, Id, Metadata, Name } from '../common.ts';

export const maxMemoryMb = 64 * 1024 * 1024;
export const maxDiskGb = 1024 * 1024;

export const Flavor = Exact(
  {
    id: Id,
    name: Name,
    vcpus: Type.Integer({ minimum: 1, maximum: 1024, description: 'virtual processors' }),
    memoryMb: Type.Integer({ minimum: 1, maximum: maxMemoryMb, description: 'memory in MiB' }),
    rootGb: Type.Integer({
      minimum: 0,
      maximum: maxDiskGb,
      description: 'the root disk in GiB; 0: as large as the image’s own disk',
    }),
    /** Nova's extra specs. */
    extraSpecs: Type.Optional(Described(Metadata, 'what its instances ask of a host')),
  },
  { title: 'Flavor' },
);
export type Flavor = Static<typeof Flavor>;
