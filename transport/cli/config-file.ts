/**
 * The configuration file: TOML, each key the long name of a flag. It is weaker than the environment, and stronger than a
 * default. The first that is there counts: `--config`, `KILONOVA_CONFIG`, the user's own, the machine's.
 */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { parse, TomlError } from 'smol-toml';
import { fail, toFailure } from '../../machines/failure.ts';
import { definitions } from './settings.ts';

export interface ConfigFile {
  path: string;
  values: Map<string, string | number | boolean>;
}

/** What commander calls the origin of a value that came from the file. */
export const fromFile = 'config';

const keys = new Map(
  Object.entries(definitions)
    .filter(([name]) => name !== 'config')
    .map(([name, option]) => [kebab(name), option as Option]),
);

/** Gives the command what the file says of its settings. Throws `invalid_request` for what it cannot mean. */
export function applyConfigFile(command: Command, warn: (line: string) => void): ConfigFile | undefined {
  const file = readConfigFile(command.opts<{ config?: string }>().config);
  if (!file) return undefined;
  for (const [key, value] of file.values) {
    const option = keys.get(key);
    if (!option) throw refuse(file.path, key, `is not known; there are ${[...keys.keys()].join(', ')}`);
    if (!command.options.includes(option)) continue;
    const source = command.getOptionValueSource(option.attributeName());
    if (source !== undefined && source !== 'default') continue;
    command.setOptionValueWithSource(option.attributeName(), parseValue(file.path, key, option, value), fromFile);
  }
  if (file.values.has('token') && statSync(file.path).mode & 0o004) {
    warn(`${file.path} holds a token, and everybody may read it: chmod 600 ${file.path}`);
  }
  return file;
}

function readConfigFile(named: string | undefined): ConfigFile | undefined {
  if (named !== undefined) return parseFile(named, read(named));
  for (const path of [join(configHome(), 'kilonova', 'config.toml'), '/etc/kilonova/config.toml']) {
    try {
      return parseFile(path, readFileSync(path, 'utf8'));
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fail('invalid_request', `the configuration cannot be read: ${toFailure(error).message}`);
  }
}

function parseFile(path: string, text: string): ConfigFile {
  try {
    return {
      path,
      values: new Map(Object.entries(parse(text)).map(([key, value]) => [key, simple(path, key, value)])),
    };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw fail('invalid_request', `${path}:${error.line}:${error.column} is not TOML: ${error.message.split('\n')[0]}`);
  }
}

function simple(path: string, key: string, value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  // A section that is not known is told as that, not as a value of the wrong kind.
  throw refuse(path, key, keys.has(key) ? 'must be a text, a number, true or false' : 'is not known');
}

function parseValue(path: string, key: string, option: Option, value: string | number | boolean): unknown {
  if (option.isBoolean() || option.negate) {
    if (typeof value !== 'boolean') throw refuse(path, key, 'must be true or false');
    return value;
  }
  try {
    return option.parseArg ? option.parseArg(String(value), undefined as never) : String(value);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw refuse(path, key, `cannot be ${JSON.stringify(value)}. ${error.message}`);
  }
}

function refuse(path: string, key: string, problem: string) {
  return fail('invalid_request', `${path}: ${key} ${problem}`, { details: { key } });
}

function configHome(): string {
  return process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config');
}

/** `natsPort` → `nats-port`, as the flag is called. */
export function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
