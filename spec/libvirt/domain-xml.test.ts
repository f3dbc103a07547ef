import { describe, expect, it } from 'vitest';
import type { GuestSpec } from '../../actors/hypervisor/hypervisor.ts';
import { diskSerial, domainXml } from '../../actors/libvirt/domain-xml.ts';
import { element, escapeXml, renderXml } from '../../actors/libvirt/xml.ts';
import { guestSpec } from './guests.ts';

const uuid = '0f6a8c1e-2b3d-4e5f-8a9b-0c1d2e3f4a5b';
const files = {
  configDrive: `/var/lib/kilonova/${uuid}/disk.config`,
  consoleLog: `/var/lib/kilonova/${uuid}/console.log`,
};
const disk = `/var/lib/kilonova/${uuid}/disk`;
const boot = { kernel: '/var/lib/kilonova/images/aa', ramdisk: '/var/lib/kilonova/images/bb' };

const guest: GuestSpec = guestSpec({
  uuid,
  flavor: { name: 'm1.small', vcpus: 2, memoryMb: 2048, rootGb: 20 },
  ports: [
    {
      id: '5b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9',
      mac: 'fa:16:3e:01:02:03',
      bridge: 'brq0a1b2c3d',
      mtu: 1450,
      fixedIps: [
        { address: '10.0.0.5', prefixLength: 24, gateway: '10.0.0.1' },
        { address: 'fd00::5', prefixLength: 64 },
      ],
      dnsServers: ['10.0.0.2'],
    },
  ],
});

describe('the domain XML', () => {
  it('of a guest that boots its disk, emulated, is as written down', async () => {
    await expect(domainXml(guest, { ...files, disk }, { type: 'qemu', host: 'host1' })).toMatchFileSnapshot(
      'golden/disk.xml',
    );
  });

  it('of a guest that boots a kernel, under KVM, is as written down', async () => {
    const direct = { ...guest, image: { ...guest.image, kernelArguments: 'console=ttyS0 quiet' } };
    await expect(domainXml(direct, { ...files, ...boot, disk }, { type: 'kvm', host: 'host1' })).toMatchFileSnapshot(
      'golden/kernel.xml',
    );
  });

  it('of a guest without disk or ports leaves both out', () => {
    const xml = domainXml({ ...guest, ports: [] }, files, { type: 'qemu', host: 'host1' });
    expect(xml).not.toContain("dev='vda'");
    expect(xml).not.toContain('<interface');
  });

  it('keeps what clients write from becoming markup', () => {
    const displayName = `</nova:name><evil a='1' b="2">&\u0000\ud800`;
    const xml = domainXml({ ...guest, displayName }, files, { type: 'qemu', host: 'host1' });
    expect(xml).toContain(
      '<nova:name>&lt;/nova:name&gt;&lt;evil a=&apos;1&apos; b=&quot;2&quot;&gt;&amp;\ufffd\ufffd</nova:name>',
    );
  });

  it('names a root disk by as much of the uuid as the guest can see', () => {
    expect(diskSerial(uuid)).toBe('0f6a8c1e2b3d4e5f8a9b');
  });
});

describe('the XML writer', () => {
  it('keeps white space in attributes and text', () => {
    expect(escapeXml('a\tb\nc\rd')).toBe('a&#9;b&#10;c&#13;d');
  });

  it('leaves out what is undefined', () => {
    const xml = renderXml(element('a', { b: undefined, c: 0 }, undefined, element('d', {}, 1)));
    expect(xml).toBe("<a c='0'>\n  <d>1</d>\n</a>\n");
  });
});
