import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { startImageSweep } from '../../actors/controller/image-sweep.ts';
import { ImageStore } from '../../actors/images/image-store.ts';
import { systemClock } from '../../transport/clock.ts';
import { type ImageView, maxChunkBytes } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import { ImageChunks } from '../../transport/nats/image-chunks.ts';
import { imageObjects } from '../../transport/nats/subjects.ts';
import { HeldClock } from '../support/held-clock.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

const hourMs = 3_600_000;

let cloud: TestCloud;
let chunks: ImageChunks;
let files: ImageStore;
beforeAll(async () => {
  cloud = await startTestCloud();
  chunks = await ImageChunks.open(cloud.runtime.bus);
  files = await ImageStore.open(cloud.runtime.bus);
});
afterAll(() => cloud.stop());

/** What a controller does that begins so much later: it sweeps at once. */
async function sweepIn(hours: number): Promise<void> {
  const runtime = await cloud.connect();
  const clock = { ...systemClock, now: () => Date.now() + hours * hourMs };
  const controller = await startController({ ...runtime, clock });
  await controller.stop();
}

const announce = (bytes: Buffer) => ({ sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length });

async function begin(name: string, bytes: Buffer): Promise<ImageView> {
  const { client } = cloud;
  const { image } = await client.ask(api.image.create, { name, diskFormat: 'raw', disk: announce(bytes) });
  const data = bytes.subarray(0, maxChunkBytes).toString('base64');
  await client.ask(api.image.upload, { image: image.id, file: 'disk', offset: 0, data });
  return image;
}

const names = async () => (await cloud.client.ask(api.image.list, {})).images.map(({ name }) => name);
const recordOf = async (id: string) => (await cloud.runtime.store.bucket('image')).get(id);

it('an upload that nobody has touched for a day is removed, and not before', async () => {
  const rested = await begin('rested', randomBytes(2 * maxChunkBytes));
  const finished = randomBytes(10);
  const { id } = await begin('finished', finished);
  await cloud.client.ask(api.image.finish, { image: id });
  await sweepIn(23);
  expect(await names()).toEqual(['finished', 'rested', 'simulated']);
  expect(await chunks.images()).toEqual(new Set([rested.id]));
  await sweepIn(25);
  await eventually(async () => ((await names()).includes('rested') ? undefined : true));
  await eventually(async () => ((await recordOf(rested.id)) === undefined ? true : undefined));
  expect(await chunks.images()).toEqual(new Set());
  expect(await names()).toEqual(['finished', 'simulated']);
  expect(await files.sizeOf(announce(finished).sha256)).toBe(10);
});

it('a chunk that comes when its image is gone is removed', async () => {
  await chunks.put('00000000-0000-4000-8000-000000000000', 'disk', 0, randomBytes(10));
  await sweepIn(25);
  await eventually(async () => ((await chunks.images()).size === 0 ? true : undefined));
});

it('what a controller has begun to remove is removed by another', async () => {
  const bytes = randomBytes(20);
  const { id } = await begin('half gone', bytes);
  await cloud.client.ask(api.image.finish, { image: id });
  const images = await cloud.runtime.store.bucket('image');
  const entry = await recordOf(id);
  if (!entry) throw new Error('the image has no record');
  await images.update(id, { ...entry.value, deletion: 'underway' }, entry.revision);
  // While it is on its way out, it counts for nothing: who announces it again is asked for it.
  const again = await begin('again', bytes);
  expect(again.missing).toEqual(['disk']);
  await expect(cloud.client.ask(api.image.finish, { image: again.id })).rejects.toMatchObject({
    failure: { code: 'conflict', disposition: 'retry' },
  });
  const clock = new HeldClock();
  clock.aheadMs = hourMs;
  const stop = await startImageSweep({ ...(await cloud.connect()), clock });
  await eventually(async () => {
    if ((await recordOf(id)) === undefined) return true;
    clock.endWaits();
    return undefined;
  });
  stop();
  await cloud.client.ask(api.image.finish, { image: again.id });
  expect(await files.sizeOf(announce(bytes).sha256)).toBe(20);
});

it('what was written of a file by one who died is removed', async () => {
  const { bus } = cloud.runtime;
  const bytesOf = async () => {
    const { state } = await bus.nats.manager.streams.info(imageObjects.stream, {
      subjects_filter: imageObjects.bytes(),
    });
    return Object.keys(state.subjects ?? {}).length;
  };
  const before = await bytesOf();
  await bus.nats.jetstream.publish(imageObjects.bytes('unnamed'), randomBytes(10));
  await sweepIn(23);
  expect(await bytesOf()).toBe(before + 1);
  await sweepIn(25);
  await eventually(async () => ((await bytesOf()) === before ? true : undefined));
});
