import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { tapName } from '../../actors/hypervisor/tap-name.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { deadline, guestSpec, startTestHost } from './guests.ts';

async function makeNamespace() {
  const name = `libvirt-${randomUUID().slice(0, 8)}`;
  await runCommand('ip', ['netns', 'add', name]);
  return {
    name,
    ip: async (...args: string[]) => (await runCommand('ip', ['-netns', name, ...args])).stdout,
    [Symbol.asyncDispose]: async () => void (await runCommand('ip', ['netns', 'delete', name])),
  };
}

describe("a guest's network", () => {
  it('joins the bridge of each port by a tap of its name, with its MTU, and sends back what came by it', async () => {
    await using namespace = await makeNamespace();
    await namespace.ip('link', 'add', 'br-test', 'type', 'bridge');
    await namespace.ip('link', 'set', 'br-test', 'up', 'mtu', '1450');
    await using host = await startTestHost('qemu', { netns: namespace.name });
    const { hypervisor, disks } = host;
    const port = {
      id: randomUUID(),
      mac: 'fa:16:3e:0a:0b:0c',
      bridge: 'br-test',
      mtu: 1450,
      fixedIps: [],
      dnsServers: [],
    };
    const guest = guestSpec({ ports: [port] });
    await disks.create(guest, deadline());
    await hypervisor.createDomain(guest, deadline());
    await hypervisor.enableHairpin(guest, deadline());
    await hypervisor.enableHairpin(guest, deadline());

    const tap = tapName(port.id);
    const [link] = JSON.parse(await namespace.ip('-json', '-details', 'link', 'show', tap)) as unknown[];
    expect(link).toMatchObject({
      master: 'br-test',
      mtu: 1450,
      linkinfo: { info_slave_data: { hairpin: true } },
    });
    await hypervisor.destroyDomain(guest.uuid, deadline());
    expect(await namespace.ip('link')).not.toContain(tap);
    // Where there is no bridge there is nothing to do.
    await hypervisor.enableHairpin(guest, deadline());
  });

  it('fails clean, and elsewhere can be tried, when the bridge is missing', async () => {
    await using namespace = await makeNamespace();
    await using host = await startTestHost('qemu', { netns: namespace.name });
    const { hypervisor, disks } = host;
    const port = {
      id: randomUUID(),
      mac: 'fa:16:3e:0a:0b:0d',
      bridge: 'br-none',
      mtu: 1500,
      fixedIps: [],
      dnsServers: [],
    };
    const guest = guestSpec({ ports: [port] });
    await disks.create(guest, deadline());
    await expect(hypervisor.createDomain(guest, deadline())).rejects.toMatchObject({
      failure: { code: 'hypervisor_error', disposition: 'reschedule' },
    });
  });
});
