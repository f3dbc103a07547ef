/** The fixed IPs that instances have: the leases, with what their ports tell of them. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { Port } from '../../transport/messages/records.ts';
import { isAdmin, maySee } from '../identity/authenticator.ts';
import { leaseKey } from '../network/address-book.ts';
import { parseIpv4 } from '../network/ipv4.ts';
import { isMeantBy, missing, named, seenInstance } from '../records/lookup.ts';
import { type HeldAddress, viewAddress } from '../records/network-view.ts';
import { after, pageOf } from '../records/paging.ts';
import { byBlock } from './networks.ts';
import type { Reads } from './reads.ts';

export const addressReads: Reads = async (on, { store }) => {
  const [networks, subnets, ports, leases, instances] = await Promise.all([
    store.view('network'),
    store.view('subnet'),
    store.view('port'),
    store.view('address'),
    store.view('instance'),
  ]);

  /** A lease of a port that is not there yet is nobody's, as far as a client can tell. */
  function heldBy(port: Port): HeldAddress[] {
    return port.fixedIps.flatMap(({ subnetId, address }) => {
      const lease = leases.get(leaseKey(subnetId, address));
      return lease?.portId === port.id ? [{ address, subnetId, port, lease }] : [];
    });
  }

  /** Subnet by subnet, and as numbers: 10.0.0.9 before 10.0.0.10. */
  function inOrder(a: HeldAddress, b: HeldAddress): number {
    const [subnet, other] = [subnets.get(a.subnetId), subnets.get(b.subnetId)];
    return (
      (subnet && other ? byBlock(subnet, other) : Number(!subnet) - Number(!other)) ||
      (parseIpv4(a.address) ?? 0) - (parseIpv4(b.address) ?? 0) ||
      (a.port.id < b.port.id ? -1 : a.port.id > b.port.id ? 1 : 0)
    );
  }

  on(api.address.list, ({ network, instanceUuid, allProjects = false, limit, marker }, { caller }) => {
    if (allProjects && !isAdmin(caller)) {
      throw fail('forbidden', 'field /allProjects is for administrators', { details: { field: '/allProjects' } });
    }
    const only =
      network === undefined ? undefined : named(networks, network, 'network', '/network', isMeantBy(caller, network));
    if (instanceUuid !== undefined) seenInstance(instances.get(instanceUuid), caller, instanceUuid, '/instanceUuid');
    const markedPort = marker === undefined ? undefined : ports.get(marker);
    if (marker !== undefined && !(markedPort && maySee(caller, markedPort.projectId))) {
      throw missing('port', marker, '/marker');
    }
    const sorted = [...ports.values()]
      .filter((port) => allProjects || port.projectId === caller.projectId)
      .filter((port) => only === undefined || port.networkId === only.id)
      .filter((port) => instanceUuid === undefined || port.instanceUuid === instanceUuid)
      .flatMap(heldBy)
      .toSorted(inOrder);
    const marked = markedPort && heldBy(markedPort).at(-1);
    return { addresses: pageOf(after(sorted, marked, inOrder), viewAddress, limit) };
  });
};
