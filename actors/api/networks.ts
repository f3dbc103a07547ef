/** Networks and their subnets: those that every project shares, and the project's own; administrators see all. */
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import type { Network, Subnet } from '../../transport/messages/records.ts';
import { isAdmin } from '../identity/authenticator.ts';
import { parseLeaseKey } from '../network/address-book.ts';
import { allocationRange, isAllocatable, sizeOf } from '../network/allocation-range.ts';
import { parseBlock, parseIpv4 } from '../network/ipv4.ts';
import { ViewIndex } from '../network/view-index.ts';
import { byNameAndId, isMeantBy, isSeenBy, missing, named } from '../records/lookup.ts';
import { viewNetwork, viewSubnet } from '../records/network-view.ts';
import { after, pageOf } from '../records/paging.ts';
import type { Reads } from './reads.ts';

export const networkReads: Reads = async (on, { store }) => {
  const [networks, subnets, leases] = await Promise.all([
    store.view('network'),
    store.view('subnet'),
    store.view('address'),
  ]);
  const subnetsOf = new ViewIndex(subnets, ({ networkId }) => networkId);

  const find = (idOrName: string, caller: Caller, field: string) =>
    named(networks, idOrName, 'network', field, isMeantBy(caller, idOrName));
  const presentTo = (caller: Caller) => (network: Network) => {
    const own = subnetsOf.entries(network.id).map(({ value }) => value);
    const subnetIds = own.toSorted(byBlock).map(({ id }) => id);
    return viewNetwork(network, subnetIds, { isWhole: isAdmin(caller) });
  };

  on(api.network.get, ({ network }, { caller }) => ({ network: presentTo(caller)(find(network, caller, '/network')) }));

  on(api.network.list, ({ limit, marker }, { caller }) => {
    const marked = marker === undefined ? undefined : find(marker, caller, '/marker');
    const sorted = [...networks.values()].filter(isSeenBy(caller)).toSorted(byNameAndId);
    return { networks: pageOf(after(sorted, marked, byNameAndId), presentTo(caller), limit) };
  });

  on(api.subnet.list, ({ network, limit, marker }, { caller }) => {
    const only = network === undefined ? undefined : find(network, caller, '/network').id;
    const isSeen = ({ networkId }: Subnet) => {
      const of = networks.get(networkId);
      return of !== undefined && isSeenBy(caller)(of);
    };
    const marked = marker === undefined ? undefined : subnets.get(marker);
    if (marker !== undefined && !(marked && isSeen(marked))) throw missing('subnet', marker, '/marker');
    const sorted = [...subnets.values()]
      .filter(isSeen)
      .filter(({ networkId }) => only === undefined || networkId === only)
      .toSorted(byBlock);
    const used = countUsed();
    return { subnets: pageOf(after(sorted, marked, byBlock), (subnet) => viewSubnet(subnet, used(subnet)), limit) };
  });

  /** Of the addresses that may be given out: a fixed IP that was asked for beside them takes none of them away. */
  function countUsed() {
    const bySubnet = new Map<string, number[]>();
    for (const { key } of leases.entries()) {
      const { subnetId, address } = parseLeaseKey(key);
      const number = parseIpv4(address);
      if (number === undefined) continue;
      const numbers = bySubnet.get(subnetId);
      if (numbers) numbers.push(number);
      else bySubnet.set(subnetId, [number]);
    }
    return (subnet: Subnet) => {
      const range = allocationRange(subnet);
      const used = (bySubnet.get(subnet.id) ?? []).filter((number) => isAllocatable(range, number));
      return { total: sizeOf(range), used: used.length };
    };
  }
};

/** As numbers: 10.9.0.0/16 before 10.10.0.0/16. */
export function byBlock(a: Subnet, b: Subnet): number {
  return startOf(a) - startOf(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function startOf({ cidr }: Subnet): number {
  return parseBlock(cidr)?.network ?? 0;
}
