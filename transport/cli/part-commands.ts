/** `kilonova up`, and the commands that run one part alone. What runs them is loaded only then. */
import type { Command } from 'commander';
import type { Role } from '../../actors/cloud/cloud.ts';
import { type Settings, withSettings } from './settings.ts';
import type { UpOptions } from './up.ts';

const everywhere = ['nats', 'natsWait', 'creds', 'natsCa', 'logLevel', 'logFile'] as const satisfies (keyof Settings)[];
const http = [
  'httpAddress',
  'httpPort',
  'httpTlsCert',
  'httpTlsKey',
  'httpTrustedProxies',
] as const satisfies (keyof Settings)[];
/** What is set of the store by who is started with it. */
const store = ['natsStore', 'natsReplicas', 'keepFacts'] as const satisfies (keyof Settings)[];
const compute = [
  'state',
  'hypervisor',
  'libvirtUri',
  'virtType',
  'host',
  'zone',
  'nftTable',
  'sharedDisks',
  'lostGuests',
  'rebootedGuests',
  'unknownGuests',
  'simulatedHosts',
  'simulatedLatency',
  'maxDeliveries',
] as const;

const parts: [Role, string, readonly (keyof Settings)[]][] = [
  ['api', 'answers clients', []],
  [
    'controller',
    'authorises, checks quota, records instances; makes the first records of a new cloud',
    ['state', 'maxAttempts', 'bridge', 'cidr', 'testImage', ...store],
  ],
  ['scheduler', 'chooses hosts', ['policy', 'maxDeliveries']],
  ['network', 'gives out addresses', []],
  ['compute', 'runs instances on this host', compute],
  ['web', 'serves the dashboard, and the API over HTTP', http],
];

export function addPartCommands(program: Command): void {
  program.commandsGroup('The cloud:');
  withSettings(
    program
      .command('up')
      .description('runs the whole cloud in one process, with a nats-server of its own unless --nats is given')
      .option('--launch', 'launch a first instance, unless an earlier start has')
      .option('--once', 'launch an instance, delete it again, and end: with 0 when it ran and answered')
      .action(async (options: Settings & Partial<UpOptions>) => {
        const { up } = await import('./up.ts');
        process.exitCode = await up({
          ...options,
          launch: Boolean(options.launch || options.once),
          once: Boolean(options.once),
        });
      }),
    [
      ...everywhere,
      ...store,
      'natsAddress',
      'natsPort',
      'natsSync',
      'natsTlsCert',
      'natsTlsKey',
      ...http,
      ...compute,
      'bridge',
      'cidr',
      'policy',
      'maxAttempts',
      'testImage',
    ],
  );
  for (const [role, description, names] of parts) {
    withSettings(
      program
        .command(role)
        // `kilonova network` runs that part, `kilonova network list` asks the cloud.
        .enablePositionalOptions()
        .description(`runs this part alone: ${description}`)
        .action(async (_: unknown, command: Command) => {
          const { runRole } = await import('./role.ts');
          process.exitCode = await runRole(role, command.opts<Settings>());
        }),
      [...everywhere, ...names],
    );
  }
}
