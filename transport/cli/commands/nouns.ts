/** The nouns of the client. Each is loaded only when it is on the command line, so that the others cost no time. */
import type { Noun } from '../client/noun.ts';

export interface NounEntry {
  word: string;
  alias?: string;
  description: string;
  load: () => Promise<Noun>;
}

export const nouns: readonly NounEntry[] = [
  {
    word: 'instance',
    description: 'virtual machines: launch them, and everything that is done with them',
    load: async () => (await import('./instance.ts')).instanceNoun,
  },
  {
    word: 'keypair',
    alias: 'key-pair',
    description: 'SSH keys that guests know',
    load: async () => (await import('./key-pair.ts')).keyPairNoun,
  },
  {
    word: 'flavor',
    description: 'sizes of instances',
    load: async () => (await import('./flavor.ts')).flavorNoun,
  },
  {
    word: 'image',
    description: 'disks to launch from: upload them, and change what they need',
    load: async () => (await import('./image.ts')).imageNoun,
  },
  { word: 'host', description: 'compute hosts', load: async () => (await import('./host.ts')).hostNoun },
  { word: 'zone', description: 'availability zones', load: async () => (await import('./host.ts')).zoneNoun },
  { word: 'aggregate', description: 'groups of hosts', load: async () => (await import('./host.ts')).aggregateNoun },
  {
    word: 'server-group',
    description: 'instances that want to be together, or apart',
    load: async () => (await import('./server-group.ts')).serverGroupNoun,
  },
  { word: 'quota', description: 'what a project may use', load: async () => (await import('./quota.ts')).quotaNoun },
  { word: 'network', description: 'networks', load: async () => (await import('./network.ts')).networkNoun },
  { word: 'subnet', description: 'blocks of addresses', load: async () => (await import('./network.ts')).subnetNoun },
  { word: 'address', description: 'fixed IPs', load: async () => (await import('./network.ts')).addressNoun },
  {
    word: 'security-group',
    description: 'what traffic reaches an instance',
    load: async () => (await import('./security-group.ts')).securityGroupNoun,
  },
  { word: 'project', description: 'projects', load: async () => (await import('./identity.ts')).projectNoun },
  { word: 'user', description: 'users, and their roles', load: async () => (await import('./identity.ts')).userNoun },
  { word: 'role', description: 'what a user may do', load: async () => (await import('./identity.ts')).roleNoun },
  { word: 'token', description: 'what a user shows', load: async () => (await import('./identity.ts')).tokenNoun },
  {
    word: 'dead-letter',
    description: 'messages between the parts that could not be applied',
    load: async () => (await import('./dead-letter.ts')).deadLetterNoun,
  },
  { word: 'api', description: 'what the API offers', load: async () => (await import('./schema.ts')).schemaNoun },
];
