/** Where the cloud of a client command is, and who asks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { fail, toFailure } from '../../../machines/failure.ts';
import { readCredentials } from '../../nats/credentials.ts';
import { fromFile } from '../config-file.ts';
import type { NatsAccess } from '../nats-access.ts';
import type { Settings } from '../settings.ts';

export interface Found {
  value: string;
  /** For a person: `default`, or the file. */
  from: string;
}

/** What `kilonova up` leaves in its state folder as long as it runs: on which port, it may not know before. */
export const natsUrlFile = 'nats-url';
export const webUrlFile = 'web-url';

export const adminCredsFile = (state: string) => join(state, 'admin.creds');

const usualUrl = 'nats://127.0.0.1:4222';
const usualWebUrl = 'http://127.0.0.1:8780/';
/** Where a value came from, the strongest first. */
const strength: (string | undefined)[] = ['cli', 'env', fromFile];

export function findNatsUrl({ nats, state }: Settings): Found {
  return findUrl(nats, join(state, natsUrlFile), usualUrl);
}

/** Throws `invalid_request` when it is none. */
export function findWebUrl({ web, state }: Settings): Found {
  const found = findUrl(web, join(state, webUrlFile), usualWebUrl);
  if (!/^https?:/.test(found.value) || !URL.canParse(found.value)) {
    throw fail('invalid_request', `${found.value} is no URL of a web server`);
  }
  return found;
}

function findUrl(given: string | undefined, path: string, usual: string): Found {
  if (given !== undefined) return { value: given, from: '' };
  const told = readIfThere(path);
  return told === undefined ? { value: usual, from: 'default' } : { value: told, from: `file ${path}` };
}

/** The file of who connects; the administrator's where it can be read. Absent: the server may let in anybody. */
export function findCreds({ creds, state }: Settings): Found | undefined {
  if (creds !== undefined) return { value: creds, from: '' };
  const path = adminCredsFile(state);
  return readIfThere(path) === undefined ? undefined : { value: path, from: 'default' };
}

/** Throws `invalid_request` for credentials that cannot be used. */
export function findAccess(settings: Settings): NatsAccess {
  const creds = findCreds(settings);
  return {
    url: findNatsUrl(settings).value,
    credentials: creds && readCredentials(creds.value),
    ca: settings.natsCa,
  };
}

/** Throws `unauthenticated` when there is none, and `invalid_request` for a file that was named and cannot be read. */
export function findToken(command: Command): Found {
  const found = lookForToken(command);
  // A header is one line.
  if (/[\r\n]/.test(found.value)) throw fail('unauthenticated', 'the token is none: it has several lines');
  return found;
}

function lookForToken(command: Command): Found {
  const { token, tokenFile, state } = command.opts<Settings>();
  const rank = (name: string) => strength.indexOf(command.getOptionValueSource(name));
  if (token !== undefined && (tokenFile === undefined || rank('token') <= rank('tokenFile'))) {
    return { value: token, from: '' };
  }
  if (tokenFile !== undefined) {
    try {
      return { value: readFileSync(tokenFile, 'utf8').trim(), from: `file ${tokenFile}` };
    } catch (error) {
      throw fail('invalid_request', `the token cannot be read: ${toFailure(error).message}`);
    }
  }
  const path = join(state, 'admin-token');
  const told = readIfThere(path);
  if (told !== undefined) return { value: told, from: `file ${path}` };
  throw fail(
    'unauthenticated',
    `there is no token: give --token-file or KILONOVA_TOKEN; ${path}, the administrator’s, cannot be read`,
  );
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
