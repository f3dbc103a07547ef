/** How a controller owns an instance: while it is being placed, or taken over from a host that is down. */
import { subjects } from '../../transport/nats/subjects.ts';
import { ownStore } from '../instance/instance-store.ts';
import type { OwnerWorld } from '../instance/owner.ts';
import { releaseNetwork } from '../instance/release-network.ts';
import { requestPlacement } from '../instance/request-placement.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { leaveLostHosts, leaveTriedHosts, tellingHosts } from './forget-instance.ts';
import type { ControllerWorld } from './writes.ts';

/** What it takes. */
export type OwningWorld = Runtime & Pick<ControllerWorld, 'isStopping'> & Partial<Pick<ControllerWorld, 'inspection'>>;

export async function ownInstances(world: OwningWorld): Promise<OwnerWorld> {
  const { bus, store, clock, logger, inspection, isStopping } = world;
  const [bucket, hosts, liveness] = await Promise.all([store.bucket('instance'), store.view('host'), store.liveness()]);
  return {
    name: 'control',
    inspection,
    effects: {
      requestPlacement: requestPlacement(bus),
      leaveLostHosts: leaveLostHosts({ bus, hosts, liveness }),
      releaseNetwork: tellingHosts(bus, releaseNetwork(bus, subjects.networkCall)),
      leaveTriedHosts: leaveTriedHosts(bus),
    },
    store: ownStore(bus, bucket),
    clock,
    logger,
    tracer: bus.tracer,
    isStopping,
  };
}
