/** `kilonova config show`: every setting, what it is, and who says so. */
import type { Command, Option } from 'commander';
import { toFailure } from '../../machines/failure.ts';
import { shownUrls } from '../nats/server-urls.ts';
import { findCreds, findNatsUrl, findToken } from './client/access.ts';
import { table } from './client/table.ts';
import { applyConfigFile, type ConfigFile, fromFile, kebab } from './config-file.ts';
import { definitions, type Settings, withSettings } from './settings.ts';

interface Shown {
  setting: string;
  value: string | number | boolean | null;
  /** Absent: nobody says anything. */
  from: string;
}

const mask = '••••••••';

export function addConfigCommand(program: Command): void {
  const show = program
    .command('config')
    .description('what the settings are, and who says so')
    .command('show')
    .description('Prints every setting, its value, and where that comes from: flag, environment, file or default.')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  kilonova config show');
  withSettings(show, Object.keys(definitions) as (keyof Settings)[]).action(({ json }: { json?: boolean }) => {
    process.stdout.write(
      `${showConfig(
        show,
        applyConfigFile(show, () => {}),
        json === true,
      )}\n`,
    );
  });
}

function showConfig(command: Command, file: ConfigFile | undefined, asJson: boolean): string {
  const shown = Object.entries(definitions).map(([name, option]) => describe(command, name, option as Option, file));
  if (asJson) return JSON.stringify(shown, undefined, 2);
  const rows = shown.map(({ setting, value, from }) => [setting, value === null ? '-' : String(value), from]);
  return table(['SETTING', 'VALUE', 'FROM'], rows).join('\n');
}

function describe(command: Command, name: string, option: Option, file: ConfigFile | undefined): Shown {
  const settings = command.opts<Settings>();
  const value = settings[name as keyof Settings];
  const shown: Shown = { setting: kebab(name), value: value ?? null, from: origin(command, option, file) };
  if (name === 'nats') {
    const { value: url, from } = findNatsUrl(settings);
    return { ...shown, ...(value === undefined && { from }), value: shownUrls(url) };
  }
  if (name === 'creds' && value === undefined) {
    const found = findCreds(settings);
    return { ...shown, ...(found && { value: found.value, from: found.from }) };
  }
  if (name === 'token') {
    if (value !== undefined) return { ...shown, value: mask };
    const found = forClients(() => findToken(command));
    return { ...shown, ...found, value: found.value === null ? null : mask };
  }
  return shown;
}

/** What a client command would use. */
function forClients(find: () => { value: string; from: string }): Pick<Shown, 'value' | 'from'> {
  try {
    return find();
  } catch (thrown) {
    return { value: null, from: toFailure(thrown).message };
  }
}

function origin(command: Command, option: Option, file: ConfigFile | undefined): string {
  switch (command.getOptionValueSource(option.attributeName())) {
    case 'cli':
      return `flag ${option.long}`;
    case 'env':
      return `environment ${option.envVar}`;
    case fromFile:
      return `file ${file?.path}`;
    case 'default':
      return 'default';
    default:
      // What stands for it is found out only by what is started with it.
      return /\((default: [^)]*)\)/.exec(option.description)?.[1] ?? '-';
  }
}
