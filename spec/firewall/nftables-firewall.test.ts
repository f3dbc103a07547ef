/** The firewall in a real kernel: frames through a bridge between network namespaces. Needs root. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NftablesFirewall } from '../../actors/firewall/nftables-firewall.ts';
import type { GuestPort, GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import { tapName } from '../../actors/hypervisor/tap-name.ts';
import { failureOf, guestSpec, never, temporaryFolder, uuid } from '../images/fixtures.ts';
import { BridgeLab } from './bridge-lab.ts';
import { arp, ethernet, icmp6, linkLocal, neighborAdvertisement, tagged, udp4, udp6 } from './frames.ts';

const own = { mac: '02:00:00:00:00:05', ip: '10.0.0.5' };
const own6 = { mac: own.mac, ip: linkLocal(own.mac) };
const fixed6 = { mac: own.mac, ip: '2001:db8:0:0:0:0:0:5' };
const unspecified6 = { mac: own.mac, ip: '0:0:0:0:0:0:0:0' };
const otherMac = '02:00:00:00:00:06';

function portOf(n: number, more: Partial<GuestPort> = {}): GuestPort {
  return {
    id: `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
    mac: own.mac,
    bridge: 'br0',
    mtu: 1500,
    fixedIps: [
      { address: own.ip, prefixLength: 24 },
      { address: '2001:db8::5', prefixLength: 64 },
    ],
    dnsServers: [],
    ...more,
  };
}

function guestOf(n: number, ...ports: GuestPort[]): GuestSpec {
  return guestSpec(n, { ports: ports.length > 0 ? ports : [portOf(n)] });
}

async function build(...guests: GuestSpec[]) {
  const lab = await BridgeLab.build(...guests);
  const firewall = () => new NftablesFirewall({ networkNamespace: lab.host });
  const rules = () => lab.inHost('nft', 'list', 'table', 'bridge', 'kilonova');
  return { lab, firewall: firewall(), restarted: firewall, rules };
}

const honest: [string, string][] = [
  ['an ARP request', arp(own)],
  ['an ARP probe before it has an address', arp({ mac: own.mac, ip: '0.0.0.0' })],
  ['UDP', udp4(own, 1000, 2000)],
  ['a DHCP request', udp4(own, 68, 67)],
  ['a DHCP discovery without an address', udp4({ mac: own.mac, ip: '0.0.0.0' }, 68, 67)],
  ['UDP from its link-local address', udp6(own6, 1000, 2000)],
  ['UDP from its fixed IPv6 address', udp6(fixed6, 1000, 2000)],
  ['a neighbour advertisement for its own address', neighborAdvertisement(own6, fixed6.ip)],
  ['duplicate address detection', icmp6(unspecified6, 135, `00000000${'0'.repeat(32)}`)],
  ['another protocol', ethernet(own.mac, 0x88cc, '')],
];

const spoofed: [string, string][] = [
  ['another MAC', udp4({ ...own, mac: otherMac }, 1000, 2000)],
  ['another IP', udp4({ ...own, ip: '10.0.0.6' }, 1000, 2000)],
  ['no IP outside of DHCP', udp4({ ...own, ip: '0.0.0.0' }, 1000, 2000)],
  ['an ARP with another IP', arp({ ...own, ip: '10.0.0.1' })],
  ['an ARP with another MAC inside', arp({ ...own, mac: otherMac }, { etherSource: own.mac })],
  ['an ARP of another hardware', arp({ ...own, ip: '10.0.0.1' }, { hardwareType: 6 })],
  ['a DHCP answer', udp4(own, 67, 68)],
  ['a DHCPv6 answer', udp6(own6, 547, 546)],
  ['a router advertisement', icmp6(own6, 134, '40000708'.padEnd(24, '0'))],
  ['an ICMPv6 redirect', icmp6(own6, 137, '0'.repeat(72))],
  ['a neighbour advertisement for another address', neighborAdvertisement(own6, '2001:db8:0:0:0:0:0:1')],
  ['the link-local address of another MAC', udp6({ mac: own.mac, ip: linkLocal(otherMac) }, 1000, 2000)],
  ['another IPv6 address', udp6({ mac: own.mac, ip: '2001:db8:0:0:0:0:0:6' }, 1000, 2000)],
  ['no IPv6 address', udp6(unspecified6, 1000, 2000)],
  ['a VLAN tag', tagged(udp4({ ...own, ip: '10.0.0.6' }, 1000, 2000), 0x8100, 7)],
  ['a service VLAN tag', tagged(udp4(own, 1000, 2000), 0x88a8, 7)],
];

describe.skipIf(process.getuid?.() !== 0)('nftables firewall', { timeout: 60_000 }, () => {
  test('honest traffic passes, spoofed traffic does not, and before apply and after remove everything does', async () => {
    const guest = guestOf(1);
    const [port = portOf(1)] = guest.ports;
    const { lab, firewall, rules } = await build(guest);
    const passing = async (frames: [string, string][]) => {
      const names: string[] = [];
      for (const [name, frame] of frames) if (await lab.passes(port, frame)) names.push(name);
      return names;
    };
    const names = (frames: [string, string][]) => frames.map(([name]) => name);
    await firewall.setupBasicFiltering(never);
    await firewall.prepareInstanceFilter(guest, never);
    expect(await passing(spoofed)).toEqual(names(spoofed));
    await firewall.applyInstanceFilter(guest, never);
    expect(await passing(honest)).toEqual(names(honest));
    expect(await passing(spoofed)).toEqual([]);
    await firewall.removeInstanceFilter(guest.uuid, never);
    expect(await passing(spoofed)).toEqual(names(spoofed));
    expect(await rules()).not.toMatch(/chain i_|"tap/);
  });

  test('exactly the own MAC and IP pass, whatever the guest sends', async () => {
    const guest = guestOf(1);
    const [port = portOf(1)] = guest.ports;
    const { lab, firewall } = await build(guest);
    await firewall.applyInstanceFilter(guest, never);
    const mac = fc.constantFrom(own.mac, otherMac, '02:00:00:00:00:04', '00:00:00:00:00:05');
    const ip = fc.constantFrom(own.ip, '10.0.0.4', '10.0.0.6', '10.0.1.5', '0.0.0.5', '127.0.0.1');
    const sent = fc.record({ mac, ip, kind: fc.constantFrom(arp, (from: typeof own) => udp4(from, 9, 10)) });
    await fc.assert(
      fc.asyncProperty(sent, async (frame) => {
        const isOwn = frame.mac === own.mac && frame.ip === own.ip;
        expect(await lab.passes(port, frame.kind(frame))).toBe(isOwn);
      }),
      { numRuns: 30 },
    );
  });

  test('each of two taps is held to its own addresses', async () => {
    const second = portOf(2, { mac: otherMac, fixedIps: [{ address: '10.0.0.6', prefixLength: 24 }] });
    const guest = guestOf(1, portOf(1), second);
    const { lab, firewall } = await build(guest);
    await firewall.applyInstanceFilter(guest, never);
    const other = { mac: otherMac, ip: '10.0.0.6' };
    expect(await lab.passes(portOf(1), udp4(own, 9, 10))).toBe(true);
    expect(await lab.passes(portOf(1), udp4(other, 9, 10))).toBe(false);
    expect(await lab.passes(second, udp4(other, 9, 10))).toBe(true);
    expect(await lab.passes(second, udp4({ ...own, mac: otherMac }, 9, 10))).toBe(false);
  });

  test('rules removed after a restart of the agent, and removed twice, leave the other guests protected', async () => {
    const [gone, stays] = [guestOf(1), guestOf(2)];
    const { lab, firewall, restarted, rules } = await build(stays);
    await firewall.applyInstanceFilter(gone, never);
    await firewall.applyInstanceFilter(stays, never);
    const after = restarted();
    await after.removeInstanceFilter(gone.uuid, never);
    await after.removeInstanceFilter(gone.uuid, never);
    expect(await rules()).not.toContain(tapName(portOf(1).id));
    expect(await rules()).not.toContain(gone.uuid.replaceAll('-', ''));
    expect(await lab.passes(portOf(2), udp4({ ...own, ip: '10.0.0.6' }, 9, 10))).toBe(false);
  });

  test('whose filters there are is read from the kernel, of this table alone', async () => {
    const [prepared, applied] = [guestOf(1), guestOf(2)];
    const { lab, firewall, restarted } = await build(prepared, applied);
    expect(await firewall.listInstanceFilters(never)).toEqual([]);
    await firewall.prepareInstanceFilter(prepared, never);
    await firewall.prepareInstanceFilter(applied, never);
    await firewall.applyInstanceFilter(applied, never);
    const neighbour = new NftablesFirewall({ networkNamespace: lab.host, table: 'neighbour' });
    await neighbour.prepareInstanceFilter(guestOf(3), never);
    expect((await restarted().listInstanceFilters(never)).toSorted()).toEqual([prepared.uuid, applied.uuid].toSorted());
    for (const { uuid } of [prepared, applied]) await firewall.removeInstanceFilter(uuid, never);
    expect(await firewall.listInstanceFilters(never)).toEqual([]);
  });

  test('removing what never was, without any table, is no failure', async () => {
    const { firewall } = await build();
    await firewall.removeInstanceFilter(uuid(1), never);
  });

  test('repeating changes nothing, and rules somebody flushed come back', async () => {
    const guest = guestOf(1);
    const { lab, firewall, rules } = await build();
    await firewall.applyInstanceFilter(guest, never);
    const once = await rules();
    await firewall.setupBasicFiltering(never);
    await firewall.prepareInstanceFilter(guest, never);
    await firewall.applyInstanceFilter(guest, never);
    expect(await rules()).toBe(once);
    await lab.inHost('nft', 'flush', 'ruleset');
    await firewall.applyInstanceFilter(guest, never);
    expect(await rules()).toBe(once);
  });

  test('a port that moves to another instance is judged by the new one, also when the old one is removed after', async () => {
    const [old, young] = [guestOf(1, portOf(7)), guestOf(2, portOf(7, { fixedIps: [] }))];
    const { lab, firewall } = await build(young);
    await firewall.applyInstanceFilter(old, never);
    await firewall.applyInstanceFilter(young, never);
    expect(await lab.passes(portOf(7), udp4(own, 9, 10))).toBe(false);
    await firewall.removeInstanceFilter(old.uuid, never);
    expect(await lab.passes(portOf(7), udp4(own, 9, 10))).toBe(false);
  });

  test('thirty guests at once, half of them leaving, end with the right half', async () => {
    const { firewall, restarted, rules } = await build();
    const guests = Array.from({ length: 30 }, (_, n) => guestOf(n + 1));
    const agents = [firewall, restarted()];
    await Promise.all(
      guests.map(async (guest, n) => {
        const agent = agents[n % 2] ?? firewall;
        await agent.prepareInstanceFilter(guest, never);
        await agent.applyInstanceFilter(guest, never);
        if (n % 3 === 0) await agent.removeInstanceFilter(guest.uuid, never);
      }),
    );
    const chains = [...(await rules()).matchAll(/chain (i_[0-9a-f]+)/g)].map(([, chain]) => chain);
    const stayed = guests.filter((_, n) => n % 3 !== 0).map((guest) => `i_${guest.uuid.replaceAll('-', '')}`);
    expect(chains.toSorted()).toEqual(stayed.toSorted());
    expect((await rules()).match(/: goto/g)).toHaveLength(stayed.length);
  });

  test('values that could become commands are refused before nft sees them', async () => {
    const firewall = new NftablesFirewall({ nft: '/nonexistent' });
    const bad: GuestSpec[] = [
      guestOf(1, portOf(1, { mac: `${own.mac} drop\nflush ruleset` })),
      guestOf(1, portOf(1, { id: '"\nflush ruleset\n#' })),
      guestOf(1, portOf(1, { fixedIps: [{ address: '10.0.0.5 }', prefixLength: 24 }] })),
      { ...guestOf(1), uuid: `${uuid(1)}\nflush ruleset` },
    ];
    for (const guest of bad) {
      expect(await failureOf(firewall.applyInstanceFilter(guest, never))).toMatchObject({ code: 'invalid_request' });
    }
  });
});

test('a missing nft is told with what to do', async () => {
  const firewall = new NftablesFirewall({ nft: 'no-such-nft' });
  const failure = await failureOf(firewall.setupBasicFiltering(never));
  expect(failure).toMatchObject({ code: 'hypervisor_error', disposition: 'reschedule' });
  expect(failure.message).toContain('install nftables');
});

test.skipIf(process.getuid?.() !== 0)('a forbidden nft is told with what to do', async () => {
  const { lab } = await build();
  const nft = join(await temporaryFolder(), 'nft');
  await writeFile(nft, '#!/bin/sh\nexec setpriv --bounding-set=-net_admin --inh-caps=-net_admin nft "$@"\n');
  await chmod(nft, 0o755);
  const failure = await failureOf(new NftablesFirewall({ networkNamespace: lab.host, nft }).setupBasicFiltering(never));
  expect(failure).toMatchObject({ code: 'hypervisor_error' });
  expect(failure.message).toContain('CAP_NET_ADMIN');
});
