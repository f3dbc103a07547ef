#!/usr/bin/env node
/** The program `kilonova`. */
import { Command } from 'commander';
import type { Role } from '../../actors/cloud/cloud.ts';
import { toFailure } from '../../machines/failure.ts';
import { runRole } from './role.ts';
import { type Settings, withSettings } from './settings.ts';
import { type UpOptions, up } from './up.ts';
import { readVersion } from './version.ts';

const everywhere = ['nats', 'logLevel', 'logFile'] as const satisfies (keyof Settings)[];
const compute = [
  'state',
  'hypervisor',
  'libvirtUri',
  'virtType',
  'host',
  'zone',
  'nftTable',
  'simulatedHosts',
  'simulatedLatency',
] as const;

const program = new Command('kilonova')
  .description('Launches and runs virtual machines on a fleet of libvirt hosts.')
  .version(readVersion(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .showHelpAfterError('(--help says what there is)')
  .configureHelp({ sortSubcommands: false });

withSettings(
  program
    .command('up')
    .description('runs the whole cloud in one process, with a nats-server of its own unless --nats is given')
    .option('--launch', 'launch a first instance, unless an earlier start has')
    .option('--once', 'launch an instance, delete it again, and end: with 0 when it ran and answered')
    .action(async (options: Settings & Partial<UpOptions>) => {
      process.exitCode = await up({
        ...options,
        launch: Boolean(options.launch || options.once),
        once: Boolean(options.once),
      });
    }),
  [...everywhere, 'natsPort', ...compute, 'bridge', 'cidr', 'policy', 'maxAttempts', 'testImage'],
);

const roleCommands: [Role, string, readonly (keyof Settings)[]][] = [
  ['api', 'answers clients', []],
  [
    'controller',
    'authorises, checks quota, records instances; makes the first records of a new cloud',
    ['state', 'maxAttempts', 'bridge', 'cidr', 'testImage'],
  ],
  ['scheduler', 'chooses hosts', ['policy']],
  ['network', 'gives out addresses', []],
  ['compute', 'runs instances on this host', compute],
];
for (const [role, description, names] of roleCommands) {
  withSettings(
    program
      .command(role)
      .description(`runs this part alone: ${description}`)
      .action(async (options: Settings) => {
        process.exitCode = await runRole(role, options);
      }),
    [...everywhere, ...names],
  );
}

try {
  await program.parseAsync();
} catch (thrown) {
  const { code, message } = toFailure(thrown);
  process.stderr.write(`kilonova: ${code}: ${message}\n`);
  process.exitCode = 1;
}
