#!/usr/bin/env node
/** The program `kilonova`. */
import { Command } from 'commander';
import type { Role } from '../../actors/cloud/cloud.ts';
import { toFailure } from '../../machines/failure.ts';
import { runRole } from './role.ts';
import { type Settings, withSettings } from './settings.ts';
import { type UpOptions, up } from './up.ts';

const everywhere = ['nats', 'logLevel', 'logFile'] as const satisfies (keyof Settings)[];
const compute = [
  'state',
  'hypervisor',
  'libvirtUri',
  'virtType',
  'host',
  'zone',
  'simulatedHosts',
  'simulatedLatency',
] as const;

const program = new Command('kilonova')
  .description('Launches and runs virtual machines on a fleet of libvirt hosts.')
  .showHelpAfterError()
  .configureHelp({ sortSubcommands: false });

withSettings(
  program
    .command('up')
    .description('runs the whole cloud in one process, with a nats-server of its own unless --nats is given')
    .option('--launch', 'launch a first instance', false)
    .option('--once', 'delete the first instance again, and end: 0 when it ran and answered', false)
    .action(async (options: UpOptions) => {
      process.exitCode = await up({ ...options, launch: options.launch || options.once });
    }),
  [...everywhere, 'natsPort', ...compute, 'policy', 'maxAttempts', 'testImage'],
);

const roleCommands: [Role, string, readonly (keyof Settings)[]][] = [
  ['api', 'answers clients', []],
  [
    'controller',
    'authorises, checks quota, records instances; makes the first records of a new cloud',
    ['state', 'maxAttempts', 'testImage'],
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
