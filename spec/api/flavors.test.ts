import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../actors/controller/controller.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
  // Two controllers share the requests, so that they race for the same names.
  await startController(await cloud.connect());
});
afterAll(() => cloud.stop());

const size = { vcpus: 1, memoryMb: 64, rootGb: 1 };
const create = (name: string, id?: string) =>
  cloud.client.ask(api.flavor.create, { name, ...size, ...(id !== undefined && { id }) });
const remove = (flavor: string) => cloud.client.ask(api.flavor.delete, { flavor });
const get = (flavor: string) => cloud.client.ask(api.flavor.get, { flavor });

describe('a flavor', () => {
  it('is made with the id that it was given, or one of its own, and is there at once', async () => {
    const extraSpecs = { 'hw:cpu_policy': 'dedicated' };
    const given = { id: 'custom', name: 'with.id', ...size, extraSpecs };
    expect((await cloud.client.ask(api.flavor.create, given)).flavor).toEqual(given);
    expect((await get('with.id')).flavor).toEqual(given);
    const { flavor } = await create('without.id');
    expect(flavor.id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await get(flavor.id)).flavor).toEqual(flavor);
  });

  it('can be launched at once', async () => {
    for (let round = 0; round < 4; round++) {
      const { flavor } = await create(`launched.${round}`);
      const { uuid } = await cloud.create({ flavor: flavor.name });
      expect((await cloud.until(uuid, ({ state }) => state === 'running')).flavor).toEqual(flavor);
    }
  });

  it('is deleted by id or name; instances keep what they have of it', async () => {
    const { flavor } = await create('doomed');
    const { uuid } = await cloud.create({ flavor: 'doomed' });
    await remove('doomed');
    await expect(get(flavor.id)).rejects.toMatchObject({ failure: { code: 'not_found' } });
    expect((await cloud.until(uuid, ({ state }) => state === 'running')).flavor).toEqual(flavor);
    await create('doomed', 'again');
    await remove('again');
    for (const gone of ['doomed', 'again', flavor.id]) {
      await expect(remove(gone)).rejects.toMatchObject({
        failure: { code: 'not_found', details: { field: '/flavor' } },
      });
    }
  });

  it.each([
    ['id', (index: number) => create(`wanted ${index}`, 'wanted'), '/id'],
    ['name', () => create('wanted'), '/name'],
    ['name, with ids', (index: number) => create('wanted too', `id-${index}`), '/name'],
  ])('has a unique %s: of many who want one at once, one gets it', async (_, ask, field) => {
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => ask(index)));
    const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.flavor] : []));
    expect(made).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason.failure).toMatchObject({ code: 'already_exists', details: { field } });
    }
    const { flavors } = await cloud.client.ask(api.flavor.list, {});
    expect(flavors.filter(({ id, name }) => id === made[0]?.id || name === made[0]?.name)).toEqual(made);
  });

  it('is made and deleted by administrators only', async () => {
    const member = await cloud.createUser('flavorless');
    const forbidden = { failure: { code: 'forbidden' } };
    await expect(member.ask(api.flavor.create, { name: 'mine', ...size })).rejects.toMatchObject(forbidden);
    await expect(member.ask(api.flavor.delete, { flavor: 'm1.tiny' })).rejects.toMatchObject(forbidden);
    expect((await member.ask(api.flavor.get, { flavor: 'm1.tiny' })).flavor.id).toBe('1');
  });
});
