/** `kilonova image …` */
import { Option } from 'commander';
import { api } from '../../messages/api.ts';
import type { Column } from '../client/columns.ts';
import { formatBytes } from '../client/format-value.ts';
import type { Noun } from '../client/noun.ts';
import { createImage } from './image-upload.ts';

const { image } = api;

const columns: Column[] = [
  'name',
  'id',
  'status',
  'diskFormat',
  {
    name: 'size',
    of: ({ disk, kernel, ramdisk }) =>
      formatBytes(
        [disk, kernel, ramdisk].reduce<number>((sum, file) => sum + ((file as { size?: number })?.size ?? 0), 0),
      ),
  },
  'isPublic',
  'createdAt',
];

export const imageNoun: Noun = {
  id: 'id',
  columns,
  verbs: [
    {
      word: 'create',
      endpoint: image.create,
      description: 'Makes an image of local files: uploads what the cloud has not yet, and checks it.',
      arguments: ['name'],
      without: ['disk', 'kernel', 'ramdisk'],
      extra: [
        new Option('--disk <file>', 'its disk, in the format that --disk-format says'),
        new Option('--kernel <file>', 'a kernel to boot directly'),
        new Option('--ramdisk <file>', 'the ramdisk of that kernel'),
      ],
      columns,
      run: createImage,
      example: 'tiny --disk-format raw --disk tiny.raw --min-disk-gb 1 --property architecture=x86_64',
    },
    { word: 'list', endpoint: image.list, example: '--status active' },
    { word: 'show', endpoint: image.get, arguments: ['image...'], example: 'tiny' },
    { word: 'update', endpoint: image.update, arguments: ['image'], example: 'tiny --name tiny --min-memory-mb 96' },
    { word: 'delete', endpoint: image.delete, arguments: ['image...'], example: 'tiny' },
  ],
};
