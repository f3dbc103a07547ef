/** A failure story: the store went back to when there was no guest, and the guest runs. */
import { expect, it } from 'vitest';
import { stateOf } from '../../actors/instance/stored-chart.ts';
import { api } from '../../transport/messages/api.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type RecoveryCloud, startRecoveryCloud } from './support.ts';

const nothing = async () => undefined;
const rebuild = async ({ cloud }: RecoveryCloud, uuid: string) => {
  await cloud.client.ask(api.instance.rebuild, { uuid });
  await cloud.until(uuid, ({ state }) => state === 'running');
};

it.each([
  ['building.checking', nothing],
  ['networking', nothing],
  ['rebuilding.removingDisks', rebuild],
] as const)(
  'of one that is %s the guest is destroyed, however often that fails, before it goes on',
  async (state, change) => {
    const recovery = await startRecoveryCloud();
    const { cloud, hypervisor, launch, startHost, stopHost, hostFacts, told } = recovery;
    const instances = await cloud.runtime.store.view('instance');
    let earlier: Instance | undefined;
    instances.onChange(({ after }) => {
      if (after && stateOf(after) === state) earlier = after;
    });
    const uuid = await launch();
    await change(recovery, uuid);
    await stopHost();
    if (!earlier) throw new Error(`nobody has seen it ${state}`);
    await cloud.write('instance', uuid, earlier);
    const failure = { code: 'hypervisor_error', message: 'the filter is in use', disposition: 'abort' } as const;
    hypervisor.failNext('removeFilter', failure, 2);
    await startHost();
    await told(hostFacts, { type: 'guest.destroyed', uuid, reason: `the instance is ${state}` });
    await cloud.until(uuid, (instance) => instance.state === 'running');
    expect(hypervisor.leftovers()).toEqual({ domains: [uuid], filters: [uuid], disks: [uuid], earlierDisks: [] });
  },
);
