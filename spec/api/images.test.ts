import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { ImageStore } from '../../actors/images/image-store.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { type CreateImage, type ImageView, maxChunkBytes } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let other: Runtime;
let client: ApiClient;
let stranger: ApiClient;
let files: ImageStore;
beforeAll(async () => {
  cloud = await startTestCloud();
  // Two controllers share the requests: each chunk may come to either.
  other = await cloud.connect();
  await startController(other);
  client = await cloud.createUser('images');
  stranger = await cloud.createUser('others');
  files = await ImageStore.open(cloud.runtime.bus);
});
afterAll(() => cloud.stop());

const announce = (bytes: Buffer) => ({ sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length });
const offsetsOf = (bytes: Buffer) =>
  Array.from({ length: Math.ceil(bytes.length / maxChunkBytes) }, (_, index) => index * maxChunkBytes);
const chunkAt = (bytes: Buffer, offset: number) => bytes.subarray(offset, offset + maxChunkBytes).toString('base64');

type Role = 'disk' | 'kernel' | 'ramdisk';

async function create(request: Partial<CreateImage>, as = client): Promise<ImageView> {
  return (await as.ask(api.image.create, { name: 'image', diskFormat: 'none', ...request })).image;
}
const upload = (image: string, bytes: Buffer, offset = 0, file: Role = 'disk', as = client) =>
  as.ask(api.image.upload, { image, file, offset, data: chunkAt(bytes, offset) });
const uploadAll = (image: string, bytes: Buffer, file: Role = 'disk', as = client) =>
  Promise.all(offsetsOf(bytes).map((offset) => upload(image, bytes, offset, file, as)));
const finish = async (image: string, as = client) => (await as.ask(api.image.finish, { image })).image;
const get = async (image: string, as = client) => (await as.ask(api.image.get, { image })).image;
const remove = (image: string, as = client) => as.ask(api.image.delete, { image });

/** An image of these bytes that is ready. */
async function make(name: string, bytes: Buffer, as = client, more: Partial<CreateImage> = {}): Promise<ImageView> {
  const image = await create({ name, diskFormat: 'raw', disk: announce(bytes), ...more }, as);
  if (image.missing.length > 0) await uploadAll(image.id, bytes, 'disk', as);
  return finish(image.id, as);
}

const sizeOf = (bytes: Buffer) => files.sizeOf(announce(bytes).sha256);

/** Whether the store has the file, whole and as it was announced. */
async function isStored(bytes: Buffer): Promise<boolean> {
  const { sha256 } = announce(bytes);
  if ((await sizeOf(bytes)) === undefined) return false;
  const hash = createHash('sha256');
  for await (const part of await files.open(sha256)) hash.update(part);
  expect(hash.digest('hex')).toBe(sha256);
  return true;
}

const missing = { failure: { code: 'not_found', details: { field: '/image' } } };
const forbidden = (field: string) => ({ failure: { code: 'forbidden', details: { field } } });

describe('an image', () => {
  it('comes in chunks, in any order and some again, and is launched', async () => {
    const disk = randomBytes(2 * maxChunkBytes + 12_345);
    const kernel = randomBytes(1000);
    const announced = { disk: announce(disk), kernel: announce(kernel) };
    const request = { name: 'three chunks', diskFormat: 'qcow2', ...announced, minMemoryMb: 64 } as const;
    const image = await create({ ...request, kernelArguments: 'quiet', properties: { os: 'none' } });
    expect(image).toMatchObject({ ...request, status: 'queued', isPublic: false, projectId: 'images' });
    expect(image.missing).toEqual(['disk', 'kernel']);
    expect(await get('three chunks')).toEqual(image);

    for (const offset of [2, 0, 1, 0, 2].map((index) => index * maxChunkBytes)) {
      expect(await upload(image.id, disk, offset)).toEqual({ chunkBytes: maxChunkBytes });
    }
    await expect(cloud.create({ image: image.id }, client)).rejects.toMatchObject({
      failure: { code: 'conflict', details: { field: '/image' } },
    });
    await upload('three chunks', kernel, 0, 'kernel');
    const finished = await finish('three chunks');
    expect(finished).toEqual({ ...image, status: 'active', missing: [] });
    expect(await get(image.id)).toEqual(finished);
    expect(await isStored(disk)).toBe(true);
    expect(await isStored(kernel)).toBe(true);

    const { uuid } = await cloud.create({ image: 'three chunks' }, client);
    expect(await cloud.until(uuid, ({ state }) => state === 'running')).toMatchObject({ imageId: image.id });
  });

  it('needs no upload of what the cloud has already', async () => {
    const disk = randomBytes(100);
    await make('first', disk);
    const image = await create({ name: 'second', diskFormat: 'raw', disk: announce(disk) });
    expect(image).toMatchObject({ status: 'active', missing: [] });
    await expect(upload(image.id, disk)).rejects.toMatchObject({
      failure: { code: 'conflict', details: { field: '/file' } },
    });
    const kernel = randomBytes(50);
    const half = await create({ name: 'half', diskFormat: 'raw', disk: announce(disk), kernel: announce(kernel) });
    expect(half).toMatchObject({ status: 'queued', missing: ['kernel'] });
    await expect(
      create({ name: 'wrong size', diskFormat: 'raw', disk: { ...announce(disk), size: 99 } }),
    ).rejects.toMatchObject({ failure: { code: 'invalid_request', details: { field: '/disk/size' } } });
    await expect(get('wrong size')).rejects.toMatchObject(missing);
  });

  it('needs the upload of a file that only another project has: to know its digest is not to have it', async () => {
    const disk = randomBytes(maxChunkBytes + 10);
    const { id: hidden } = await make('hidden', disk);
    const announced = { diskFormat: 'raw', disk: announce(disk) } as const;
    const wrongSize = { ...announced, disk: { ...announced.disk, size: 1 } };
    const guessed = await create(wrongSize, stranger);
    expect(guessed).toMatchObject({ status: 'queued', missing: ['disk'] });
    await remove(guessed.id, stranger);
    const { id, missing: files } = await create(announced, stranger);
    expect(files).toEqual(['disk']);
    await expect(finish(id, stranger)).rejects.toMatchObject({ failure: { code: 'conflict' } });
    await uploadAll(id, randomBytes(disk.length), 'disk', stranger);
    await expect(finish(id, stranger)).rejects.toMatchObject({ failure: { code: 'invalid_request' } });
    expect(await get(id, stranger)).toMatchObject({ status: 'queued', missing: ['disk'] });
    await uploadAll(id, disk, 'disk', stranger);
    expect(await finish(id, stranger)).toMatchObject({ status: 'active' });
    await remove(hidden);
    expect(await isStored(disk)).toBe(true);
    await remove(id, stranger);
    expect(await isStored(disk)).toBe(false);
  });

  it.each([
    ['no file', {}, '/kernel'],
    ['no disk', { diskFormat: 'raw' }, '/disk'],
    ['a disk of no format', { disk: announce(Buffer.from('d')) }, '/diskFormat'],
    ['a format of no disk', { diskFormat: 'raw', kernel: announce(Buffer.from('k')) }, '/diskFormat'],
    [
      'a ramdisk alone',
      { diskFormat: 'raw', disk: announce(Buffer.from('d')), ramdisk: announce(Buffer.from('r')) },
      '/ramdisk',
    ],
    [
      'arguments of no kernel',
      { diskFormat: 'raw', disk: announce(Buffer.from('d')), kernelArguments: 'quiet' },
      '/kernelArguments',
    ],
  ] as const)('is refused with %s', async (_, request, field) => {
    await expect(create(request)).rejects.toMatchObject({ failure: { code: 'invalid_request', details: { field } } });
  });

  it.each([
    ['an offset between chunks', 1, maxChunkBytes, '/offset'],
    ['an offset behind the end', 2 * maxChunkBytes, 1, '/offset'],
    ['a chunk that is too short', 0, maxChunkBytes - 1, '/data'],
    ['a last chunk that is too long', maxChunkBytes, 11, '/data'],
  ])('takes no chunk with %s', async (_, offset, length, field) => {
    const disk = randomBytes(maxChunkBytes + 10);
    const { id: image } = await create({ diskFormat: 'raw', disk: announce(disk) });
    const data = Buffer.alloc(length).toString('base64');
    await expect(client.ask(api.image.upload, { image, file: 'disk', offset, data })).rejects.toMatchObject({
      failure: { code: 'invalid_request', details: { field } },
    });
    await expect(client.ask(api.image.upload, { image, file: 'kernel', offset, data })).rejects.toMatchObject({
      failure: { code: 'invalid_request', details: { field: '/file' } },
    });
  });

  it('is not finished before all chunks are there', async () => {
    const disk = randomBytes(2 * maxChunkBytes + 1);
    const { id } = await create({ diskFormat: 'raw', disk: announce(disk) });
    await upload(id, disk, 0);
    await upload(id, disk, 2 * maxChunkBytes);
    await expect(finish(id)).rejects.toMatchObject({
      failure: { code: 'conflict', details: { file: 'disk', offset: maxChunkBytes } },
    });
    expect(await get(id)).toMatchObject({ status: 'queued', missing: ['disk'] });
    await upload(id, disk, maxChunkBytes);
    expect(await finish(id)).toMatchObject({ status: 'active' });
  });

  it('is refused when its bytes are others than announced, and can be uploaded anew', async () => {
    const disk = randomBytes(maxChunkBytes + 100);
    const announced = announce(disk);
    const { id } = await create({ diskFormat: 'raw', disk: announced });
    await uploadAll(id, randomBytes(disk.length));
    await expect(finish(id)).rejects.toMatchObject({
      failure: { code: 'invalid_request', details: { file: 'disk' } },
    });
    expect(await isStored(disk)).toBe(false);
    expect(await get(id)).toMatchObject({ status: 'queued', missing: ['disk'] });
    await expect(finish(id)).rejects.toMatchObject({ failure: { code: 'conflict', details: { offset: 0 } } });
    await uploadAll(id, disk);
    await finish(id);
    expect(await isStored(disk)).toBe(true);
  });

  it('is finished once, however many ask for it at once, and afterwards', async () => {
    const disk = randomBytes(5 * maxChunkBytes);
    const announced = announce(disk);
    const { id } = await create({ diskFormat: 'raw', disk: announced });
    await uploadAll(id, disk);
    for (let round = 0; round < 2; round++) {
      const finished = await Promise.all(Array.from({ length: 6 }, () => finish(id)));
      expect(finished.map(({ status }) => status)).toEqual(Array(6).fill('active'));
    }
    expect(await isStored(disk)).toBe(true);
  });

  it('that a controller left half-way is finished by another', async () => {
    const [disk, kernel] = [randomBytes(maxChunkBytes + 1), randomBytes(10)];
    const { id } = await create({ diskFormat: 'raw', disk: announce(disk), kernel: announce(kernel) });
    await uploadAll(id, disk);
    await uploadAll(id, kernel, 'kernel');
    // As the dead one left it: one of the files is stored, the record says that it is being saved.
    await files.write(
      announce(disk),
      (async function* () {
        yield disk;
      })(),
    );
    const images = await cloud.runtime.store.bucket('image');
    const entry = await images.get(id);
    if (!entry) throw new Error('the image has no record');
    await images.update(id, { ...entry.value, status: 'saving' }, entry.revision);
    expect(await finish(id)).toMatchObject({ status: 'active', missing: [] });
    expect(await isStored(kernel)).toBe(true);
  });
});

describe('the images of a project', () => {
  it('are found by nobody else but administrators, who name them by id', async () => {
    const { id } = await make('private', randomBytes(10));
    for (const ref of ['private', id]) {
      await expect(get(ref, stranger)).rejects.toMatchObject(missing);
      await expect(remove(ref, stranger)).rejects.toMatchObject(missing);
      await expect(finish(ref, stranger)).rejects.toMatchObject(missing);
      await expect(stranger.ask(api.image.update, { image: ref, name: 'mine' })).rejects.toMatchObject(missing);
      await expect(cloud.create({ image: ref }, stranger)).rejects.toMatchObject(missing);
    }
    expect((await stranger.ask(api.image.list, {})).images.map(({ name }) => name)).toEqual(['simulated']);
    expect(await get(id, cloud.client)).toMatchObject({ name: 'private' });
    await remove(id, cloud.client);
    await expect(get(id)).rejects.toMatchObject(missing);
  });

  it('are only looked at by readers', async () => {
    const reader = await cloud.createUser('images', ['reader']);
    const { id } = await make('read', randomBytes(10));
    expect(await get(id, reader)).toMatchObject({ name: 'read' });
    for (const ask of [
      () => create({}, reader),
      () => upload(id, Buffer.from('x'), 0, 'disk', reader),
      () => finish(id, reader),
      () => reader.ask(api.image.update, { image: id, name: 'other' }),
      () => remove(id, reader),
    ]) {
      await expect(ask()).rejects.toMatchObject({ failure: { code: 'forbidden' } });
    }
  });

  it('come by name, in pages, and those alone that have the name and the status', async () => {
    const paged = await cloud.createUser('pages');
    const disk = randomBytes(10);
    for (const name of ['c', 'a', 'b', 'a']) await make(name, disk, paged);
    await create({ name: 'd', diskFormat: 'raw', disk: announce(randomBytes(10)) }, paged);
    const list = async (query: object) => (await paged.ask(api.image.list, query)).images;
    const joined: ImageView[] = [];
    for (;;) {
      const marker = joined.at(-1)?.id;
      const page = await list({ limit: 2, ...(marker && { marker }) });
      if (page.length === 0) break;
      joined.push(...page);
    }
    expect(joined.map(({ name }) => name)).toEqual(['a', 'a', 'b', 'c', 'd', 'simulated']);
    expect(await list({ name: 'a' })).toHaveLength(2);
    expect((await list({ status: 'queued' })).map(({ name }) => name)).toEqual(['d']);
    await expect(list({ marker: 'nobody' })).rejects.toMatchObject({
      failure: { code: 'not_found', details: { field: '/marker' } },
    });
    await expect(get('a', paged)).rejects.toMatchObject({ failure: { code: 'conflict' } });
  });
});

describe('an image for everybody', () => {
  it('is made by administrators only, and shown when it is active', async () => {
    const disk = randomBytes(10);
    const request = { name: 'everybody', diskFormat: 'raw', disk: announce(disk), isPublic: true } as const;
    await expect(create(request)).rejects.toMatchObject(forbidden('/isPublic'));
    const { id, projectId } = await create(request, cloud.client);
    expect(projectId).toBeUndefined();
    await expect(get('everybody')).rejects.toMatchObject(missing);
    await uploadAll(id, disk, 'disk', cloud.client);
    await finish(id, cloud.client);
    expect(await get('everybody')).toMatchObject({ id, isPublic: true });
    const { uuid } = await cloud.create({ image: 'everybody' }, stranger);
    await cloud.until(uuid, ({ state }) => state === 'running');
    for (const ask of [() => remove(id), () => client.ask(api.image.update, { image: id, name: 'ours' })]) {
      await expect(ask()).rejects.toMatchObject(forbidden('/image'));
    }
    await remove(id, cloud.client);
  });

  it('may become one, and be taken back', async () => {
    const { id } = await make('shared', randomBytes(10));
    const update = async (isPublic: boolean, as: ApiClient) =>
      (await as.ask(api.image.update, { image: id, isPublic })).image;
    await expect(update(true, client)).rejects.toMatchObject(forbidden('/isPublic'));
    expect(await update(false, client)).toMatchObject({ isPublic: false, projectId: 'images' });
    expect(await update(true, cloud.client)).toMatchObject({ isPublic: true });
    expect(await get('shared', stranger)).toMatchObject({ id });
    expect(await update(false, cloud.client)).toMatchObject({ isPublic: false, projectId: 'admin' });
    await expect(get('shared', stranger)).rejects.toMatchObject(missing);
    await remove(id, cloud.client);
  });
});

it('an update changes what is given, also when several come at once', async () => {
  const { id } = await make('before', randomBytes(10));
  const changes = [{ name: 'after' }, { minDiskGb: 3 }, { minMemoryMb: 512 }, { properties: { a: 'b' } }];
  await Promise.all(changes.map((change) => client.ask(api.image.update, { image: id, ...change })));
  expect(await get('after')).toMatchObject(Object.assign({ id, status: 'active' }, ...changes));
  await expect(cloud.create({ image: 'after' }, client)).rejects.toMatchObject({
    failure: { code: 'invalid_request', details: { field: '/flavor' } },
  });
});

describe('a deleted image', () => {
  it('is gone with its files, but for those that another image has', async () => {
    const [shared, own] = [randomBytes(20), randomBytes(maxChunkBytes + 1)];
    const image = await create({ name: 'doomed', diskFormat: 'raw', disk: announce(own), kernel: announce(shared) });
    await uploadAll(image.id, own);
    await uploadAll(image.id, shared, 'kernel');
    await finish(image.id);
    const sharing = await create({ name: 'sharing', kernel: announce(shared) });
    expect(sharing.status).toBe('active');
    await remove('doomed');
    await expect(get(image.id)).rejects.toMatchObject(missing);
    await expect(remove(image.id)).rejects.toMatchObject(missing);
    expect(await isStored(own)).toBe(false);
    expect(await isStored(shared)).toBe(true);
    await remove(sharing.id);
    expect(await isStored(shared)).toBe(false);
    // Its files can come again.
    expect((await make('again', own)).status).toBe('active');
    expect(await isStored(own)).toBe(true);
  });

  it('keeps its files while an instance lives that was made of it', async () => {
    const disk = randomBytes(30);
    const { id } = await make('in use', disk);
    const { uuid } = await cloud.create({ image: id }, client);
    await cloud.until(uuid, ({ state }) => state === 'running');
    await remove(id);
    await expect(get(id)).rejects.toMatchObject(missing);
    await expect(cloud.create({ image: id }, client)).rejects.toMatchObject(missing);
    expect(await isStored(disk)).toBe(true);
    await client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    await eventually(async () => ((await sizeOf(disk)) === undefined ? true : undefined));
    const images = await cloud.runtime.store.bucket('image');
    await eventually(async () => ((await images.get(id)) === undefined ? true : undefined));
  });

  it('loses no file to an image that is announced at the same time', async () => {
    const disk = randomBytes(40);
    for (let round = 0; round < 10; round++) {
      const { id } = await make('old', disk);
      const [, next] = await Promise.all([
        remove(id),
        create({ name: 'new', diskFormat: 'raw', disk: announce(disk) }),
      ]);
      if (next.missing.length > 0) {
        await eventually(async () =>
          (await cloud.runtime.store.bucket('image')).get(id).then((entry) => (entry ? undefined : true)),
        );
        await uploadAll(next.id, disk);
        await finish(next.id);
      }
      expect(await isStored(disk)).toBe(true);
      await remove(next.id);
    }
    expect(await isStored(disk)).toBe(false);
  });

  it('leaves nothing behind when it is deleted while it is being finished', async () => {
    for (let round = 0; round < 5; round++) {
      const disk = randomBytes(3 * maxChunkBytes);
      const { id } = await create({ diskFormat: 'raw', disk: announce(disk) });
      await uploadAll(id, disk);
      await Promise.allSettled([finish(id), remove(id)]);
      await expect(get(id)).rejects.toMatchObject(missing);
      await eventually(async () => ((await sizeOf(disk)) === undefined ? true : undefined));
    }
  });
});
