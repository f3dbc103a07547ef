/** A failure story: each step of the hypervisor does its work once, and its answer is lost. */
import { expect, it } from 'vitest';
import type { Failure } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { startRecoveryCloud } from './support.ts';

const lost: Failure = { code: 'hypervisor_unavailable', message: 'the answer was lost', disposition: 'retry' };

it('a launch has one of each all the same, and a deletion leaves none', async () => {
  const { cloud, hypervisor, launch } = await startRecoveryCloud();
  const launching = [
    'prepareFilter',
    'createDisks',
    'createDomain',
    'enableHairpin',
    'applyFilter',
    'waitForBoot',
  ] as const;
  for (const step of launching) hypervisor.failNext(step, lost, 1, 'after');
  const uuid = await launch();
  expect(hypervisor.leftovers()).toEqual({ domains: [uuid], filters: [uuid], disks: [uuid], earlierDisks: [] });
  expect((await hypervisor.consoleLog(uuid, 65_536)).match(/: ready/g)).toHaveLength(1);
  for (const step of ['destroyDomain', 'removeFilter', 'removeDisks'] as const) {
    hypervisor.failNext(step, lost, 1, 'after');
  }
  await cloud.client.ask(api.instance.delete, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'deleted');
  expect(hypervisor.leftovers()).toEqual({ domains: [], filters: [], disks: [], earlierDisks: [] });
});

it('a change ends as it was asked for', async () => {
  const { cloud, hypervisor, launch } = await startRecoveryCloud();
  const uuid = await launch();
  const changes = [
    ['stop', { uuid }, ['stop'], 'stopped'],
    ['start', { uuid }, ['start'], 'running'],
    ['pause', { uuid }, ['pause'], 'paused'],
    ['unpause', { uuid }, ['unpause'], 'running'],
    ['suspend', { uuid }, ['suspend'], 'suspended'],
    ['resume', { uuid }, ['resume'], 'running'],
    ['reboot', { uuid, how: 'hard' }, ['reboot'], 'running'],
    ['resize', { uuid, flavor: 'm1.tiny' }, ['resizeDisks', 'defineDomain', 'start'], 'resized.running'],
    ['revertResize', { uuid }, ['destroyDomain', 'restoreDisks', 'defineDomain'], 'running'],
    ['resize', { uuid, flavor: 'm1.tiny' }, ['resizeDisks', 'defineDomain', 'start'], 'resized.running'],
    ['confirmResize', { uuid }, ['forgetEarlierDisks'], 'running'],
    ['rebuild', { uuid }, ['destroyDomain', 'removeDisks', 'createDisks', 'defineDomain'], 'running'],
  ] as const;
  for (const [verb, body, steps, state] of changes) {
    for (const step of steps) hypervisor.failNext(step, lost, 1, 'after');
    await cloud.client.ask(api.instance[verb] as typeof api.instance.stop, body);
    const reached = await cloud.until(uuid, (instance) => instance.state === state);
    expect([verb, reached.fault]).toEqual([verb, undefined]);
  }
  expect(hypervisor.leftovers()).toEqual({ domains: [uuid], filters: [uuid], disks: [uuid], earlierDisks: [] });
});
