/**
 * What is stored: one bucket for each kind of record, whose schemas are in `records/`, under Nova's names in camel case.
 * Times are epoch milliseconds. Changing a schema is a change of the stored format.
 */
import { defineBucket } from './kinds.ts';
import { Aggregate } from './records/aggregate.ts';
import { Counter } from './records/counter.ts';
import { DeadLetter } from './records/dead-letter.ts';
import { Flavor } from './records/flavor.ts';
import { Host } from './records/host.ts';
import { Project, Token, User } from './records/identity.ts';
import { Image } from './records/image.ts';
import { Instance } from './records/instance.ts';
import { InstancePayload } from './records/instance-payload.ts';
import { KeyPair } from './records/key-pair.ts';
import { AddressLease, Network, Port, Subnet } from './records/network.ts';
import { Admission, Quota } from './records/quota.ts';
import { SecurityGroup } from './records/security-group.ts';
import { ServerGroup } from './records/server-group.ts';

export * from './records/aggregate.ts';
export * from './records/chart-snapshot.ts';
export * from './records/counter.ts';
export * from './records/dead-letter.ts';
export * from './records/flavor.ts';
export * from './records/host.ts';
export * from './records/identity.ts';
export * from './records/image.ts';
export * from './records/instance.ts';
export * from './records/instance-payload.ts';
export * from './records/key-pair.ts';
export * from './records/network.ts';
export * from './records/quota.ts';
export * from './records/security-group.ts';
export * from './records/server-group.ts';

export const buckets = {
  instance: defineBucket('cloud_instance', Instance, { history: 16 }),
  payload: defineBucket('cloud_instance_payload', InstancePayload),
  flavor: defineBucket('cloud_flavor', Flavor),
  image: defineBucket('cloud_image', Image),
  keyPair: defineBucket('cloud_key_pair', KeyPair),
  host: defineBucket('cloud_host', Host),
  aggregate: defineBucket('cloud_aggregate', Aggregate),
  network: defineBucket('cloud_network', Network),
  subnet: defineBucket('cloud_subnet', Subnet),
  port: defineBucket('cloud_port', Port),
  address: defineBucket('cloud_address', AddressLease),
  serverGroup: defineBucket('cloud_server_group', ServerGroup),
  securityGroup: defineBucket('cloud_security_group', SecurityGroup),
  project: defineBucket('cloud_project', Project),
  user: defineBucket('cloud_user', User),
  token: defineBucket('cloud_token', Token),
  admission: defineBucket('cloud_admission', Admission),
  quota: defineBucket('cloud_quota', Quota),
  counter: defineBucket('cloud_counter', Counter),
  deadLetter: defineBucket('cloud_dead_letter', DeadLetter),
} as const;

export type Buckets = typeof buckets;
