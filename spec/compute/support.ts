/** A cloud whose host is stopped and started again by the test, over a hypervisor that outlives it, and what is told of it. */
import { onTestFinished } from 'vitest';
import type { RecoverySettings } from '../../actors/compute/recovery-settings.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import type { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import type { Clock } from '../../transport/clock.ts';
import type { HostFact, InstanceFact } from '../../transport/nats/api-client.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

export interface RecoveryCloud {
  cloud: TestCloud;
  hypervisor: SimulatedHypervisor;
  /** Nothing is asked of a hypervisor that has no process. */
  stopHost(): Promise<void>;
  startHost(): Promise<void>;
  /** An instance whose guest runs. */
  launch(): Promise<string>;
  instanceFacts: InstanceFact[];
  hostFacts: HostFact[];
  /** Resolves when a fact with all of this was told. */
  told<Fact extends object>(facts: Fact[], wanted: Partial<Fact>): Promise<Fact>;
}

const name = 'host1';

/** `clock`: the host's, where it is to be one of its own. */
export async function startRecoveryCloud(
  recovery: Partial<RecoverySettings> = {},
  clock?: Clock,
): Promise<RecoveryCloud> {
  const cloud = await startTestCloud({ hosts: [] });
  onTestFinished(() => cloud.stop());
  let host: Part | undefined;
  const instanceFacts: InstanceFact[] = [];
  const hostFacts: HostFact[] = [];
  cloud.client.follow(undefined, (fact) => instanceFacts.push(fact));
  cloud.client.followHosts((fact) => hostFacts.push(fact));

  async function startHost(): Promise<void> {
    const runtime = clock && { ...(await cloud.connect()), clock };
    host = await cloud.addHost({ name, recovery, ...(runtime && { runtime }) });
  }
  await startHost();
  const hypervisor = cloud.hypervisors.get(name);
  if (!hypervisor) throw new Error('the host has no hypervisor');

  return {
    cloud,
    hypervisor,
    startHost,
    async stopHost() {
      await host?.stop();
      // What a process that ends closes.
      await hypervisor.connect();
    },
    async launch() {
      const { uuid } = await cloud.create();
      await cloud.until(uuid, ({ state }) => state === 'running');
      return uuid;
    },
    instanceFacts,
    hostFacts,
    told: (facts, wanted) =>
      eventually(() =>
        facts.find((fact) => Object.entries(wanted).every(([key, value]) => fact[key as never] === value)),
      ),
  };
}
