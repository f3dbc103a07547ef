import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { imageWrites } from '../../actors/controller/images.ts';
import type { ControllerWorld, OnWrite, WriteRequest } from '../../actors/controller/writes.ts';
import { ImageStore } from '../../actors/images/image-store.ts';
import { systemClock } from '../../transport/clock.ts';
import { type ImageView, maxChunkBytes } from '../../transport/messages/api/image.ts';
import { api } from '../../transport/messages/api.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import type { Outcome } from '../../transport/nats/relay.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

const statusOf = async (image: string) => (await cloud.client.ask(api.image.get, { image })).image.status;

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Announces and uploads an image. */
async function bring(bytes: Buffer, announced = bytes): Promise<string> {
  const disk = { sha256: digestOf(announced), size: bytes.length };
  const { image } = await cloud.client.ask(api.image.create, { name: 'large', diskFormat: 'raw', disk });
  for (let offset = 0; offset < bytes.length; offset += maxChunkBytes) {
    const data = bytes.subarray(offset, offset + maxChunkBytes).toString('base64');
    await cloud.client.ask(api.image.upload, { image: image.id, file: 'disk', offset, data });
  }
  return image.id;
}

type Finish = (body: { image: string }, request: WriteRequest) => Promise<Outcome<{ image: ImageView }>>;

/** Finishes by a controller whose patience ends as soon as the image is being saved. */
async function finishImpatiently(image: string, runtime = cloud.runtime): Promise<ImageView> {
  const after = (_: number, call: () => void) => {
    void eventually(async () => ((await statusOf(image)) === 'saving' ? true : undefined)).then(call);
    return () => undefined;
  };
  let finish: Finish | undefined;
  const on: OnWrite = ({ name }, handle) => {
    if (name === 'image.finish') finish = handle as unknown as Finish;
  };
  await imageWrites(on, { ...runtime, clock: { ...systemClock, after } } as ControllerWorld);
  const caller = { userId: 'admin', projectId: 'admin', roles: ['admin'] } satisfies WriteRequest['caller'];
  const outcome = await finish?.({ image }, { caller, context: newContext() });
  if (!outcome) throw new Error('nobody finishes images');
  return outcome.reply.image;
}

it('a client whose image takes long is told that it is being saved; it becomes active behind its back', async () => {
  const id = await bring(randomBytes(30 * maxChunkBytes));
  expect((await finishImpatiently(id)).status).toBe('saving');
  await eventually(async () => ((await statusOf(id)) === 'active' ? true : undefined));
  expect((await cloud.client.ask(api.image.finish, { image: id })).image).toMatchObject({
    status: 'active',
    missing: [],
  });
});

it('an image that is not what was announced is queued again, also behind its back', async () => {
  const bytes = randomBytes(30 * maxChunkBytes);
  const id = await bring(bytes, randomBytes(10));
  expect((await finishImpatiently(id)).status).toBe('saving');
  await eventually(async () => ((await statusOf(id)) === 'queued' ? true : undefined));
  await expect(cloud.client.ask(api.image.finish, { image: id })).rejects.toMatchObject({
    failure: { code: 'conflict', details: { file: 'disk', offset: 0 } },
  });
});

it('an image whose controller dies while it saves is finished by another', async () => {
  const bytes = randomBytes(30 * maxChunkBytes);
  const id = await bring(bytes);
  const doomed = await cloud.connect();
  expect((await finishImpatiently(id, doomed)).status).toBe('saving');
  await doomed.bus.nats.connection.close();
  expect(await statusOf(id)).toBe('saving');
  expect((await cloud.client.ask(api.image.finish, { image: id })).image).toMatchObject({ status: 'active' });
  const files = await ImageStore.open(cloud.runtime.bus);
  const hash = createHash('sha256');
  for await (const part of await files.open(digestOf(bytes))) hash.update(part);
  expect(hash.digest('hex')).toBe(digestOf(bytes));
});
