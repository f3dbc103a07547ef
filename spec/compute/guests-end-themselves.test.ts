/** A failure story: guests shut themselves down, crash or vanish under a host that looks on. */
import { expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { startRecoveryCloud } from './support.ts';

it('the record follows at once, and a fact says why', async () => {
  const { cloud, hypervisor, launch, instanceFacts, told } = await startRecoveryCloud();
  const [off, crashed, gone] = await Promise.all([launch(), launch(), launch()]);
  hypervisor.shutDownGuest(off);
  hypervisor.crashGuest(crashed);
  hypervisor.loseGuest(gone);
  await told(instanceFacts, { uuid: off, from: 'running', to: 'inspecting', reason: 'the guest shut itself down' });
  await told(instanceFacts, { uuid: off, to: 'stopped', reason: 'the guest shut itself down' });
  await told(instanceFacts, { uuid: crashed, to: 'failed.powering', reason: 'the guest crashed' });
  await told(instanceFacts, { uuid: gone, to: 'failed.powering', reason: 'its domain was removed on its host' });
  expect((await cloud.client.ask(api.instance.get, { uuid: off })).instance).toMatchObject({ vmState: 'stopped' });

  // What a client asks for is no guest's doing.
  await cloud.client.ask(api.instance.start, { uuid: off });
  await cloud.until(off, ({ state }) => state === 'running');
  await cloud.client.ask(api.instance.stop, { uuid: off });
  const stopped = await told(instanceFacts, { uuid: off, from: 'stopping', to: 'stopped' });
  expect(stopped.reason).toBeUndefined();
});
