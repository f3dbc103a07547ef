/**
 * A failure story: a guest is looked at while a step is under way, as libvirt tells that one is paused while it is saved,
 * and the step ends before it is looked at again. What was seen is no reason to refuse what a client asks for next.
 */
import { expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { startRecoveryCloud } from './support.ts';

it('what was seen in the course of a step is out of date when the step has ended', async () => {
  const { cloud, hypervisor, launch, instanceFacts, startHost, stopHost, told } = await startRecoveryCloud();
  await stopHost();
  // Whoever looks next is late: that the guest is on disk is never reported.
  const listenTo = hypervisor.onEvent.bind(hypervisor);
  hypervisor.onEvent = (listener) =>
    listenTo((event) => {
      if (event.type !== 'power' || event.powerState !== 'suspended') listener(event);
    });
  await startHost();
  const uuid = await launch();
  const goOn = hypervisor.hang('suspend');
  await cloud.client.ask(api.instance.suspend, { uuid });
  await hypervisor.pause(uuid, new AbortController().signal);
  goOn();
  await told(instanceFacts, { uuid, from: 'suspending', to: 'suspended' });
  await cloud.client.ask(api.instance.resume, { uuid });
  await told(instanceFacts, { uuid, from: 'resuming', to: 'running' });
  expect(instanceFacts.map(({ to }) => to)).not.toContain('inspecting');
});

it('what a guest does in the course of a step, and is still so after it, is heard', async () => {
  const { cloud, hypervisor, launch, instanceFacts, told } = await startRecoveryCloud();
  const uuid = await launch();
  const goOn = hypervisor.hang('stop');
  await cloud.client.ask(api.instance.stop, { uuid });
  hypervisor.crashGuest(uuid);
  goOn();
  await told(instanceFacts, { uuid, from: 'stopping', to: 'stopped' });
  await told(instanceFacts, { uuid, from: 'stopped', to: 'inspecting', reason: 'the guest crashed' });
});
