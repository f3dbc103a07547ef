/** What registering a local image again does to the image that is there. */
import { expect, it, onTestFinished } from 'vitest';
import { registerImage } from '../../actors/images/image-store.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud } from '../support/test-cloud.ts';

it('keeps what an administrator has changed, as long as the files are the same', async () => {
  const cloud = await startTestCloud({ hosts: [] });
  onTestFinished(() => cloud.stop());
  const kernelArguments = 'console=ttyS0';
  const files = { name: 'first', diskFormat: 'none' as const, kernelArguments };
  const { id } = await registerImage(cloud.runtime, files);
  await cloud.client.ask(api.image.update, { image: id, name: 'renamed', minMemoryMb: 64 });
  await registerImage(cloud.runtime, files);
  const { image } = await cloud.client.ask(api.image.get, { image: id });
  expect(image).toMatchObject({ name: 'renamed', minMemoryMb: 64, kernelArguments });

  await registerImage(cloud.runtime, { ...files, kernelArguments: 'quiet' });
  await expect
    .poll(async () => (await cloud.client.ask(api.image.get, { image: id })).image)
    .toMatchObject({ name: 'first', kernelArguments: 'quiet' });
});
