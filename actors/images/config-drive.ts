/**
 * What stands on a guest's config drive, as a map from path to bytes: Nova's InstanceMetadata and its
 * metadata_for_config_drive. Pure, so that the layout can be checked without making an ISO.
 *
 * cloud-init reads `openstack/<newest date it knows>/`, older clients `openstack/latest/` or `ec2/latest/`;
 * like Nova we put the same files under each date. No path on the drive comes from the client: injected files
 * are numbered, and where they belong in the guest stands in meta_data.json only.
 */
import type { GuestSpec } from '../hypervisor/hypervisor.ts';
import { checkPortAddresses, interfacesFile, networkData } from './config-drive-network.ts';

/** Nova's OPENSTACK_VERSIONS, and `latest`. */
const openstackVersions = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
  'latest',
] as const;

const ec2Versions = ['2009-04-04', 'latest'] as const;

export type ConfigDriveFiles = Map<string, Uint8Array>;

/**
 * `randomSeed` is what the guest's kernel stirs into its entropy, 512 bytes in Nova.
 * Rejects addresses that are none with `invalid_request`: they would become lines of a configuration file.
 */
export function configDriveFiles(guest: GuestSpec, randomSeed: Uint8Array): ConfigDriveFiles {
  for (const port of guest.ports) checkPortAddresses(port);

  const files: ConfigDriveFiles = new Map();
  const userData = guest.configDrive.userData;
  const contents = [text(interfacesFile(guest.ports)), ...guest.configDrive.files.map((f) => base64(f.contents))];
  contents.forEach((bytes, index) => {
    files.set(`openstack${contentPath(index)}`, bytes);
  });

  const perVersion: [name: string, bytes: Uint8Array][] = [
    ['meta_data.json', json(metaData(guest, randomSeed))],
    ['network_data.json', json(networkData(guest.ports))],
    ['vendor_data.json', json({})],
  ];
  if (userData !== undefined) perVersion.push(['user_data', base64(userData)]);
  for (const version of openstackVersions) {
    for (const [name, bytes] of perVersion) files.set(`openstack/${version}/${name}`, bytes);
  }

  for (const version of ec2Versions) {
    files.set(`ec2/${version}/meta-data.json`, json(ec2MetaData(guest)));
    if (userData !== undefined) files.set(`ec2/${version}/user-data`, base64(userData));
  }
  return files;
}

function metaData(guest: GuestSpec, randomSeed: Uint8Array): Record<string, unknown> {
  const { configDrive } = guest;
  return {
    uuid: guest.uuid,
    name: guest.displayName,
    hostname: configDrive.hostname,
    project_id: guest.projectId,
    launch_index: 0,
    availability_zone: configDrive.availabilityZone,
    public_keys: byName(configDrive.publicKeys.map((key) => [key.name, key.publicKey])),
    keys: configDrive.publicKeys.map((key) => ({ name: key.name, type: 'ssh', data: key.publicKey })),
    meta: configDrive.metadata,
    network_config: { name: 'network_config', content_path: contentPath(0) },
    files: configDrive.files.map((file, index) => ({ path: file.path, content_path: contentPath(index + 1) })),
    random_seed: Buffer.from(randomSeed).toString('base64'),
    ...(configDrive.adminPassword === undefined ? {} : { admin_pass: configDrive.adminPassword }),
    devices: [],
  };
}

function ec2MetaData(guest: GuestSpec): Record<string, unknown> {
  const { configDrive } = guest;
  const addresses = guest.ports.flatMap((port) => port.fixedIps.map((ip) => ip.address));
  return {
    // Nova numbers instances for EC2; we have no such number, and eight characters name the domain as well.
    'instance-id': `i-${guest.uuid.slice(0, 8)}`,
    'ami-id': guest.image.id,
    'ami-launch-index': 0,
    'instance-type': guest.flavor.name,
    'instance-action': 'none',
    hostname: configDrive.hostname,
    'local-hostname': configDrive.hostname,
    'public-hostname': configDrive.hostname,
    'local-ipv4': addresses.find((address) => !address.includes(':')) ?? '',
    placement: { 'availability-zone': configDrive.availabilityZone },
    'public-keys': byName(
      configDrive.publicKeys.map((key, index) => [
        String(index),
        { _name: `${index}=${key.name}`, 'openssh-key': key.publicKey },
      ]),
    ),
  };
}

function contentPath(index: number): string {
  return `/content/${String(index).padStart(4, '0')}`;
}

/** Unlike an object literal, keeps a key that a client has called `__proto__`. */
function byName<T>(entries: [string, T][]): Record<string, T> {
  return Object.fromEntries(entries);
}

function json(value: unknown): Uint8Array {
  return text(JSON.stringify(value));
}

function text(value: string): Uint8Array {
  return Buffer.from(value, 'utf8');
}

function base64(value: string): Uint8Array {
  return Buffer.from(value, 'base64');
}
