/**
 * The domain XML of a guest, Nova's _get_guest_config: a pure function of what the guest is and where its files are.
 *
 * Every device is virtio, the config drive too: a kernel that finds its root disk finds the drive, and cloud-init goes by
 * the label and not by the kind of device.
 */
import { encodeToken } from '../../transport/nats/subjects.ts';
import type { GuestPort, GuestSpec } from '../hypervisor/hypervisor.ts';
import { tapName } from '../hypervisor/tap-name.ts';
import type { GuestFiles } from '../images/guest-disks.ts';
import { element, renderXml, type XmlElement } from './xml.ts';

/** What runs the domain; `test` is libvirt's test driver. */
export type DomainType = 'kvm' | 'qemu' | 'test';

export interface DomainMaking {
  type: DomainType;
  /** The compute host that makes it. */
  host: string;
}

/** Ours: what tells the domains of a compute host from those that others have made on the same libvirt. */
export const markNamespace = 'urn:kilonova:guest';

/** Whether the metadata under our namespace says that the compute host has made the domain. */
export function isMadeBy(host: string, mark: string): boolean {
  return new RegExp(`\\shost=['"]${encodeToken(host)}['"]`).test(mark);
}

/** Nova's own namespace and layout: what meters and audits OpenStack guests reads this. */
const metadataNamespace = 'http://openstack.org/xmlns/libvirt/nova/1.1';
/** As many characters of a disk's serial as virtio carries to the guest. */
const serialLength = 20;
const defaultKernelArguments = 'root=/dev/vda console=tty0 console=ttyS0';

export function domainXml(guest: GuestSpec, files: GuestFiles, { type, host }: DomainMaking): string {
  const { vcpus, memoryMb } = guest.flavor;
  return renderXml(
    element(
      'domain',
      { type },
      element('name', {}, guest.domainName),
      element('uuid', {}, guest.uuid),
      metadata(guest, host),
      element('memory', { unit: 'MiB' }, memoryMb),
      element('currentMemory', { unit: 'MiB' }, memoryMb),
      element('vcpu', { placement: 'static' }, vcpus),
      systemInformation(guest),
      operatingSystem(guest, files, type),
      features(type),
      // The guest may run on other hosts later, so it sees the nearest named model and not this very processor.
      type === 'kvm' ? element('cpu', { mode: 'host-model' }) : undefined,
      clock(type),
      element('on_poweroff', {}, 'destroy'),
      element('on_reboot', {}, 'restart'),
      element('on_crash', {}, 'destroy'),
      devices(guest, files),
    ),
  );
}

/** The serial of a guest's root disk, by which it is told from volumes. */
export function diskSerial(uuid: string): string {
  return uuid.replaceAll('-', '').slice(0, serialLength);
}

function metadata({ displayName, flavor, userId, projectId, image, ports }: GuestSpec, host: string): XmlElement {
  return element(
    'metadata',
    {},
    // Encoded, so that it is read back without a parser.
    element('kilonova:guest', { 'xmlns:kilonova': markNamespace, host: encodeToken(host) }),
    element(
      'nova:instance',
      { 'xmlns:nova': metadataNamespace },
      element('nova:name', {}, displayName),
      element(
        'nova:flavor',
        { name: flavor.name },
        element('nova:memory', {}, flavor.memoryMb),
        element('nova:disk', {}, flavor.rootGb),
        element('nova:vcpus', {}, flavor.vcpus),
      ),
      element('nova:owner', {}, element('nova:user', { uuid: userId }), element('nova:project', { uuid: projectId })),
      element('nova:root', { type: 'image', uuid: image.id }),
      element('nova:ports', {}, ...ports.map(portMetadata)),
    ),
  );
}

function portMetadata(port: GuestPort): XmlElement {
  const addresses = port.fixedIps.map(({ address }) =>
    element('nova:ip', { type: 'fixed', address, ipVersion: address.includes(':') ? 6 : 4 }),
  );
  return element('nova:port', { uuid: port.id }, ...addresses);
}

/** cloud-init knows an OpenStack guest by its product name. */
function systemInformation(guest: GuestSpec): XmlElement {
  const entries = {
    manufacturer: 'Kilonova',
    product: 'OpenStack Nova',
    serial: guest.uuid,
    uuid: guest.uuid,
    family: 'Virtual Machine',
  };
  return element(
    'sysinfo',
    { type: 'smbios' },
    element('system', {}, ...Object.entries(entries).map(([name, value]) => element('entry', { name }, value))),
  );
}

function operatingSystem({ image }: GuestSpec, files: GuestFiles, type: DomainType): XmlElement {
  // `pc`, because its PCI slots take devices while the guest runs; the test driver knows no machines.
  const machine = type === 'test' ? {} : { arch: 'x86_64', machine: 'pc' };
  const boot =
    files.kernel === undefined
      ? [element('boot', { dev: 'hd' })]
      : [
          element('kernel', {}, files.kernel),
          files.ramdisk === undefined ? undefined : element('initrd', {}, files.ramdisk),
          element('cmdline', {}, image.kernelArguments ?? defaultKernelArguments),
        ];
  return element(
    'os',
    {},
    element('type', machine, 'hvm'),
    ...boot,
    type === 'test' ? undefined : element('smbios', { mode: 'sysinfo' }),
  );
}

function features(type: DomainType): XmlElement {
  // QEMU gives a TCG guest up to a GiB for translated code otherwise; with 16 MiB a boot takes a third longer.
  const tcg = element('tcg', {}, element('tb-cache', { unit: 'MiB' }, 32));
  return element('features', {}, element('acpi'), element('apic'), type === 'qemu' ? tcg : undefined);
}

/** Nova's timers: a guest that was not scheduled for a while catches up without a burst of ticks. */
function clock(type: DomainType): XmlElement {
  if (type !== 'kvm') return element('clock', { offset: 'utc' });
  return element(
    'clock',
    { offset: 'utc' },
    element('timer', { name: 'pit', tickpolicy: 'delay' }),
    element('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    element('timer', { name: 'hpet', present: 'no' }),
  );
}

function devices(guest: GuestSpec, files: GuestFiles): XmlElement {
  return element(
    'devices',
    {},
    files.disk === undefined ? undefined : rootDisk(guest.uuid, files.disk),
    configDrive(files.configDrive),
    ...guest.ports.map(networkInterface),
    element(
      'serial',
      { type: 'pty' },
      element('log', { file: files.consoleLog, append: 'off' }),
      element('target', { port: 0 }),
    ),
    element('console', { type: 'pty' }, element('target', { type: 'serial', port: 0 })),
    ...display(),
    element('memballoon', { model: 'virtio' }, element('stats', { period: 10 })),
    element('rng', { model: 'virtio' }, element('backend', { model: 'random' }, '/dev/urandom')),
  );
}

/** The socket is libvirt's to name: in its own folder of the domain, where nobody but root and QEMU's user comes. */
function display(): XmlElement[] {
  return [
    element('graphics', { type: 'vnc' }, element('listen', { type: 'socket' })),
    // What every guest can draw on, from its firmware on.
    element('video', {}, element('model', { type: 'vga', vram: 16_384, heads: 1 })),
    // Points where the viewer's pointer is; the mouse that every machine has would drift from it.
    element('input', { type: 'tablet', bus: 'virtio' }),
  ];
}

function rootDisk(uuid: string, path: string): XmlElement {
  return element(
    'disk',
    { type: 'file', device: 'disk' },
    element('driver', { name: 'qemu', type: 'qcow2', discard: 'unmap' }),
    element('source', { file: path }),
    element('target', { dev: 'vda', bus: 'virtio' }),
    element('serial', {}, diskSerial(uuid)),
  );
}

/** At the last letter, as in Nova, so that volumes attached later follow the root disk. */
function configDrive(path: string): XmlElement {
  return element(
    'disk',
    { type: 'file', device: 'disk' },
    element('driver', { name: 'qemu', type: 'raw' }),
    element('source', { file: path }),
    element('target', { dev: 'vdz', bus: 'virtio' }),
    element('readonly'),
  );
}

function networkInterface(port: GuestPort): XmlElement {
  return element(
    'interface',
    { type: 'bridge' },
    element('mac', { address: port.mac }),
    element('source', { bridge: port.bridge }),
    element('target', { dev: tapName(port.id) }),
    element('model', { type: 'virtio' }),
    element('mtu', { size: port.mtu }),
  );
}
