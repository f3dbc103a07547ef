/**
 * A host with a bridge and guests on it, made of network namespaces: real frames through a real kernel, without
 * touching an interface of the machine. Everything is gone when the test is over, however it ends.
 *
 *     guest's namespace: eth0 ── tap… ┐
 *                                     br0 in the host's namespace ── out0 ── neighbour's namespace: eth0
 */
import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import { tapName } from '../../actors/hypervisor/tap-name.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { ethernet } from './frames.ts';

/** Counts what the bridge hands to the neighbour, after every filter; the marker on its own. */
const observer = `
  table bridge observer {
    counter frames { }
    counter markers { }
    chain out {
      type filter hook postrouting priority 300 ; policy accept ;
      oifname "out0" ether type 0x88b5 counter name markers accept
      oifname "out0" counter name frames
    }
  }
`;

/** AF_PACKET from the core of Perl, which every Debian has: argv are frames in hex. */
const sendScript = `
  use Socket;
  open my $index, '<', '/sys/class/net/eth0/ifindex' or die $!;
  my $address = pack 'S n l S C C a8', 17, 3, <$index>, 0, 0, 0, '';
  socket my $socket, 17, SOCK_RAW, 0 or die $!;
  send $socket, pack('H*', $_), 0, $address or die $! for @ARGV;
`;

export class BridgeLab {
  readonly host: string;
  readonly #prefix = `kn${randomBytes(4).toString('hex')}`;

  private constructor() {
    this.host = `${this.#prefix}-host`;
  }

  /** Each port of these guests gets a tap on the bridge. */
  static async build(...guests: GuestSpec[]): Promise<BridgeLab> {
    const lab = new BridgeLab();
    onTestFinished(() => lab.#demolish());
    await lab.#addNamespace('host');
    await lab.inHost('ip', 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
    await lab.inHost('ip', 'link', 'set', 'br0', 'up');
    await lab.#plug('out', 'out0', '02:ff:00:00:00:02');
    for (const port of guests.flatMap((guest) => guest.ports)) {
      await lab.#plug(port.id.slice(0, 8), tapName(port.id), port.mac);
    }
    await runCommand('ip', ['netns', 'exec', lab.host, 'nft', '-f', '-'], { input: observer });
    return lab;
  }

  async inHost(file: string, ...args: string[]): Promise<string> {
    return (await runCommand('ip', ['netns', 'exec', this.host, file, ...args])).stdout;
  }

  /** Whether the frame comes through the bridge. Decided when an honest frame that was sent after it has. */
  async passes(port: { id: string; mac: string }, frame: string): Promise<boolean> {
    const before = await this.#counters();
    const marker = ethernet(port.mac, 0x88b5, '');
    const guest = `${this.#prefix}-${port.id.slice(0, 8)}`;
    await runCommand('ip', ['netns', 'exec', guest, 'perl', '-e', sendScript, frame, marker]);
    const deadline = Date.now() + 10_000;
    for (;;) {
      const now = await this.#counters();
      if (now.markers > before.markers) return now.frames > before.frames;
      if (Date.now() > deadline) throw new Error('the honest frame behind it did not come through');
    }
  }

  async #counters(): Promise<{ frames: number; markers: number }> {
    const listing = await this.inHost('nft', 'list', 'counters', 'table', 'bridge', 'observer');
    const read = (name: string) =>
      Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(listing)?.[1] ?? Number.NaN);
    return { frames: read('frames'), markers: read('markers') };
  }

  async #addNamespace(name: string): Promise<string> {
    const namespace = `${this.#prefix}-${name}`;
    await runCommand('ip', ['netns', 'add', namespace]);
    // The kernel's own IPv6 chatter would be counted.
    const quiet = 'for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $f; done';
    await runCommand('ip', ['netns', 'exec', namespace, 'sh', '-c', quiet]);
    return namespace;
  }

  async #plug(name: string, tap: string, mac: string): Promise<void> {
    const peer = await this.#addNamespace(name);
    await this.inHost('ip', 'link', 'add', tap, 'type', 'veth', 'peer', 'name', 'eth0', 'address', mac, 'netns', peer);
    await this.inHost('ip', 'link', 'set', tap, 'master', 'br0', 'up');
    await runCommand('ip', ['-n', peer, 'link', 'set', 'eth0', 'up']);
  }

  async #demolish(): Promise<void> {
    const { stdout } = await runCommand('ip', ['-j', 'netns', 'list']);
    const all = JSON.parse(stdout || '[]') as { name: string }[];
    for (const { name } of all) {
      if (name.startsWith(`${this.#prefix}-`)) await runCommand('ip', ['netns', 'del', name]);
    }
  }
}
