import { afterEach, beforeEach, expect, it } from 'vitest';
import { FailureError } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { expectNothingLeft } from './support.ts';

let cloud: TestCloud;
beforeEach(async () => {
  cloud = await startTestCloud();
});
afterEach(() => cloud.stop());

const powerVerbs = ['stop', 'start', 'pause', 'unpause', 'suspend', 'resume', 'reboot'] as const;
const settled = ['running', 'stopped', 'paused', 'suspended'];

/** Sends them all at once; what is not accepted must be a conflict. */
async function storm(uuid: string, verbs: ((typeof powerVerbs)[number] | 'delete')[]): Promise<number> {
  const answers = await Promise.allSettled(verbs.map((verb) => cloud.client.ask(api.instance[verb], { uuid })));
  for (const answer of answers) {
    if (answer.status === 'fulfilled') continue;
    if (!(answer.reason instanceof FailureError)) throw answer.reason;
    expect(answer.reason.failure.code).toBe('conflict');
  }
  return answers.filter(({ status }) => status === 'fulfilled').length;
}

const repeated = <T>(count: number, list: readonly T[]) =>
  Array.from({ length: count }, (_, index) => list[index % list.length] as T);

it('settles after fifty power commands at once, each of which is answered', async () => {
  for (const verb of ['stop', 'start', 'pause', 'unpause', 'suspend', 'resume'] as const)
    cloud.hypervisors.get('host1')?.delay(verb, [0, 5]);
  const { uuid } = await cloud.create();
  await cloud.until(uuid, ({ state }) => state === 'running');
  for (let round = 0; round < 3; round++) {
    await storm(uuid, repeated(50, powerVerbs));
    const { state, taskState, powerState } = await cloud.until(uuid, (each) => settled.includes(each.state));
    expect(taskState).toBeUndefined();
    const really = await cloud.hypervisors.get('host1')?.powerState(uuid);
    expect([state, powerState]).toEqual([state, really]);
  }
  await storm(uuid, ['delete']);
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  await expectNothingLeft(cloud, uuid);
});

it.each([
  ['runs', 'running'],
  ['has just been created', undefined],
])('ends as deleted when a delete is among fifty commands at once and the instance %s', async (_, state) => {
  const { uuid } = await cloud.create({ adminPassword: 'secret' });
  if (state) await cloud.until(uuid, (instance) => instance.state === state);
  expect(await storm(uuid, repeated(50, [...powerVerbs, 'delete'] as const))).toBeGreaterThan(0);
  await cloud.until(uuid, (instance) => instance.state === 'deleted');
  await expectNothingLeft(cloud, uuid);
});

it('deletes ten instances that ten clients delete three times each while they are being made', async () => {
  const instances = await Promise.all(repeated(10, [1]).map(() => cloud.create({ adminPassword: 'secret' })));
  await Promise.all(instances.map(({ uuid }) => storm(uuid, ['delete', 'delete', 'delete'])));
  for (const { uuid } of instances) {
    await cloud.until(uuid, ({ state }) => state === 'deleted');
    await expectNothingLeft(cloud, uuid);
  }
});
