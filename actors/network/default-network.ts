/** The network that every project of a new cloud shares: one flat segment, one subnet. */
import type { Network, Subnet } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import { nameUuid } from '../runtime/name-uuid.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { formatIpv4, parseBlock } from './ipv4.ts';

export interface DefaultNetwork {
  /** Its first address is the gateway: the hosts' own, on the bridge. */
  cidr?: string;
  bridge?: string;
  mtu?: number;
  name?: string;
  dnsServers?: string[];
}

/** A gateway, a guest, and the two addresses at the ends that nobody may have. */
const longestPrefix = 30;

/**
 * Idempotent by name: a network that is there already is answered as it is. Throws TypeError for a `cidr` that is
 * none, or has no room.
 */
export async function ensureDefaultNetwork(
  { store, clock }: Runtime,
  { cidr = '10.20.0.0/22', bridge = 'kn-br0', mtu = 1500, name = 'default', dnsServers = [] }: DefaultNetwork = {},
): Promise<{ network: Network; subnet: Subnet }> {
  const block = parseBlock(cidr);
  if (!block) throw new TypeError(`${JSON.stringify(cidr)} is not a block of IPv4 addresses`);
  if (block.prefixLength > longestPrefix) throw new TypeError(`${cidr} has no room for guests`);
  const id = nameUuid('network', name);
  const createdAt = clock.now();
  const [networks, subnets] = await Promise.all([store.bucket('network'), store.bucket('subnet')]);
  const [network, subnet] = await Promise.all([
    ensure(networks, { id, name, type: 'flat', bridge, mtu, createdAt }),
    ensure(subnets, {
      id: nameUuid('subnet', id),
      networkId: id,
      cidr: `${formatIpv4(block.network)}/${block.prefixLength}`,
      gateway: formatIpv4(block.network + 1),
      dnsServers,
      allocation: { first: formatIpv4(block.network + 2), last: formatIpv4(block.broadcast - 1) },
      createdAt,
    }),
  ]);
  return { network, subnet };
}

async function ensure<T extends { id: string }>(bucket: Bucket<T>, wanted: T): Promise<T> {
  for (;;) {
    const present = await bucket.get(wanted.id);
    if (present) return present.value;
    if ((await bucket.create(wanted.id, wanted)) !== conflict) return wanted;
  }
}
