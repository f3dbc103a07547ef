/**
 * `kilonova creds`: as whom a part on another machine connects; `kilonova nats-config`: what a nats-server that somebody
 * else runs has to know. What `kilonova up` runs knows both.
 */
import { Argument, type Command } from 'commander';
import type { PartRole } from '../../actors/identity/bus-authority.ts';
import { formatCredentials } from '../nats/credentials.ts';
import { writeSecret } from './secret-file.ts';
import { type Settings, withSettings } from './settings.ts';

const parts: readonly PartRole[] = ['api', 'controller', 'scheduler', 'network', 'compute', 'web', 'up'];

export function addCredsCommands(program: Command): void {
  const creds = program
    .command('creds')
    .description('makes the NATS credentials of a part: what it gives as --creds where it runs')
    .addArgument(new Argument('<part>', 'of compute: that of --host; up: of all in one process').choices(parts))
    .option('--output <file>', 'write them to a new file that only you can read, not to standard output')
    .addHelpText('after', '\nExample:\n  kilonova creds compute --host node7 --output node7.creds');
  withSettings(creds, ['state', 'host']).action(
    async (part: PartRole, { state, host, output }: Settings & { output?: string }) => {
      const { openAuthority } = await import('./bus-keys.ts');
      const authority = await openAuthority(state);
      const text = formatCredentials(authority.credentialsOf(part, part === 'compute' ? host : undefined));
      if (output === undefined) process.stdout.write(text);
      else await writeSecret(output, text);
    },
  );
  const config = program
    .command('nats-config')
    .description('prints what a nats-server that you run has to have in its configuration; no secret is in it')
    .addHelpText('after', '\nExample:\n  kilonova nats-config > /etc/nats/kilonova.conf    # include kilonova.conf');
  withSettings(config, ['state']).action(async ({ state }: Settings) => {
    const { openAuthority } = await import('./bus-keys.ts');
    process.stdout.write(`${(await openAuthority(state)).serverConfiguration()}\n`);
  });
}
