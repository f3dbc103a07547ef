/**
 * Runs a nats-server of our own, with JetStream, on a folder of our own.
 *
 * One server a folder: the server holds a lock on it for as long as it lives, so a second start on the same folder is
 * refused and nothing stale is left by a crash. It ends when we end, even when we are killed outright. It is never
 * restarted here: whoever started it hears of its end and decides.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, toFailure } from '../../machines/failure.ts';
import { canBind, isNatsAt, type NatsGreeting, readGreeting } from './nats-greeting.ts';
import { accountFolder } from './stored-accounts.ts';
import { findProgram, tailOf, tryCommand } from './try-command.ts';

const PREFERRED_PORT = 4222;
const USUAL_START_MS = 20_000;
const STOP_DEADLINE_MS = 5_000;
const POLL_MS = 20;
/** What flock exits with when another holds the lock. */
const LOCK_TAKEN = 75;

export interface NatsServerOptions {
  /** Holds the configuration, the log and the JetStream store; made when absent. */
  stateDir: string;
  /** Demanded when given, and 0 asks for any free one. When absent: 4222, or any free one when that is taken. */
  port?: number;
  /** The address to listen on; `127.0.0.1` unless given. */
  host?: string;
  /** Where to serve monitoring over HTTP, on the same host; nowhere when absent. */
  httpPort?: number;
  /** Bytes; the server's own default (1 MiB) when absent. */
  maxPayload?: number;
  /** What JetStream may hold, in bytes; as much as the server thinks right when absent. */
  maxStore?: number;
  /**
   * How often what is stored is flushed to the disk: at each write, before it is acknowledged, or at this interval, in the
   * server's own words: `10s`. As the server thinks right when absent.
   */
  sync?: string;
  /** Who connects has to encrypt, and may see by the certificate whom they talk to. Files in PEM. */
  tls?: { certificate: string; key: string };
  /** Its users: lines for the configuration file. All of them are of one account. */
  users?: { account: string; configuration: string };
  /** More lines for the configuration file, in its own syntax. */
  extraConfig?: string;
}

export interface Patience {
  /** How long it may take until it is ready (ms); 20 s unless given. It reads all that it has stored first. */
  readyWithinMs?: number;
  /** Ends the waiting, and the server. */
  signal?: AbortSignal;
}

export interface NatsServer {
  url: string;
  /** As the server gives it, for example `2.9.10`. */
  version: string;
  pid: number;
  /** Resolves with a sentence when the server has ended, for whatever reason. */
  ended: Promise<string>;
  /** Ends it, by force when it takes longer than five seconds. May be called more than once. */
  stop(): Promise<void>;
}

/** Resolves when the server takes connections and JetStream is ready. Rejects with `unavailable`, `timeout` or `conflict`. */
export async function startNatsServer(options: NatsServerOptions, patience: Patience = {}): Promise<NatsServer> {
  const program = findProgram('nats-server');
  if (!program) throw fail('unavailable', 'nats-server is not installed');
  if (options.sync !== undefined) await refuseWithoutSync(program, options.sync);
  const { host = '127.0.0.1' } = options;
  const port = options.port ?? ((await canBind(host, PREFERRED_PORT)) ? PREFERRED_PORT : 0);
  if (port !== 0 && options.port !== undefined && !(await canBind(host, port))) {
    const by = (await isNatsAt(host, port)) ? 'another nats-server' : 'another program';
    throw fail('conflict', `port ${port} of ${host} is taken by ${by}`, { details: { port } });
  }
  try {
    return await start(program, { ...options, host, port }, patience);
  } catch (error) {
    // Somebody took the preferred port between our look and the server's.
    if (options.port === undefined && port !== 0 && !(await canBind(host, port))) {
      return await start(program, { ...options, host, port: 0 }, patience);
    }
    throw error;
  }
}

/** Since which version nats-server lets itself be told how often to flush. */
const syncSince = [2, 10] as const;

/** An older one would not start, and call the setting an unknown field of its configuration. */
async function refuseWithoutSync(program: string, sync: string): Promise<void> {
  const { stdout } = await tryCommand(program, ['--version']);
  const [, version = 'unknown', major, minor] = /v((\d+)\.(\d+)\.\S+)/.exec(stdout) ?? [];
  const [neededMajor, neededMinor] = syncSince;
  if (Number(major) > neededMajor || (Number(major) === neededMajor && Number(minor) >= neededMinor)) return;
  throw fail(
    'unsupported',
    `to flush to the disk as asked (${sync}) needs nats-server ${syncSince.join('.')} or newer, and this one is ${version}`,
    { details: { needed: syncSince.join('.'), version } },
  );
}

async function start(
  program: string,
  options: NatsServerOptions & { host: string; port: number },
  patience: Patience,
): Promise<NatsServer> {
  const stateDir = resolve(options.stateDir);
  // Tells our server from any other that answers on the port.
  const serverName = `kilonova-${process.pid}-${Date.now().toString(36)}`;
  const configPath = join(stateDir, 'nats-server.conf');
  const logPath = join(stateDir, 'nats-server.log');
  const lockPath = join(stateDir, 'nats-server.lock');
  const guard = guardWords(lockPath);
  // The command line reads the configuration after it holds the lock, so a refused start must not replace it.
  const ownConfigPath = `${configPath}.${process.pid}`;
  try {
    await mkdir(join(stateDir, 'nats'), { recursive: true });
    await writeFile(ownConfigPath, configuration(options, stateDir, serverName));
  } catch (thrown) {
    await rm(ownConfigPath, { force: true });
    throw fail('unavailable', `nats-server cannot be run in ${stateDir}: ${toFailure(thrown).message}`);
  }
  const log = openSync(logPath, 'a');
  const command = ['sh', '-c', whenLocked, 'sh', ownConfigPath, configPath, program, ...storesOf(stateDir, options)];
  const [first = 'sh', ...rest] = [...guard, ...command];
  // In a process group of its own, so that Ctrl-C ends us first and it last.
  const child = spawn(first, rest, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const ended = endOf(child);
  try {
    const { greeting, port } = await waitUntilReady(child, ended, options, patience, stateDir, serverName, logPath);
    return {
      url: `nats://${reachableAt(options.host)}:${port}`,
      version: greeting.version,
      pid: child.pid ?? 0,
      ended,
      stop: () => stop(child, ended),
    };
  } catch (error) {
    await stop(child, ended);
    await rm(ownConfigPath, { force: true });
    throw error;
  }
}

/** What a server without users stored is what its only account has stored, once it has users. */
const whenLocked = `
mv "$1" "$2" || exit
if [ -n "$4" ] && [ -d "$4" ] && [ ! -e "$5" ]; then mv "$4" "$5" || exit; fi
exec "$3" --config "$2"
`;

/** Where JetStream keeps what is of nobody in particular, and what is of the account. */
function storesOf(stateDir: string, { users }: NatsServerOptions): string[] {
  return users ? ['$G', users.account].map((account) => accountFolder(stateDir, account)) : [];
}

/** For a client on this machine. */
function reachableAt(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** Dies with its parent, and holds the lock: both programs replace themselves by what follows. */
function guardWords(lockPath: string): string[] {
  const setpriv = findProgram('setpriv');
  const flock = findProgram('flock');
  return [
    ...(setpriv ? [setpriv, '--pdeathsig', 'TERM', '--'] : []),
    ...(flock ? [flock, '--no-fork', '--nonblock', '--conflict-exit-code', String(LOCK_TAKEN), lockPath] : []),
  ];
}

function configuration(
  options: NatsServerOptions & { host: string; port: number },
  stateDir: string,
  serverName: string,
): string {
  const jetstream = [
    `store_dir: ${JSON.stringify(join(stateDir, 'nats'))}`,
    ...(options.maxStore === undefined ? [] : [`max_file_store: ${options.maxStore}`]),
    ...(options.sync === undefined ? [] : [`sync_interval: ${JSON.stringify(options.sync)}`]),
  ];
  const lines = [
    '# Written anew at every start.',
    `server_name: ${JSON.stringify(serverName)}`,
    `host: ${JSON.stringify(options.host)}`,
    `port: ${options.port === 0 ? -1 : options.port}`,
    `pid_file: ${JSON.stringify(join(stateDir, 'nats-server.pid'))}`,
    `ports_file_dir: ${JSON.stringify(stateDir)}`,
    `jetstream: { ${jetstream.join(', ')} }`,
    // A process that stands still would go on being given its share of the requests: for five minutes, if not told so.
    'ping_interval: "5s"',
    'ping_max: 2',
  ];
  if (options.httpPort !== undefined) {
    lines.push(`http: ${JSON.stringify(`${options.host}:${options.httpPort}`)}`);
  }
  if (options.maxPayload !== undefined) lines.push(`max_payload: ${options.maxPayload}`);
  if (options.tls) {
    const { certificate, key } = options.tls;
    lines.push(
      `tls: { cert_file: ${JSON.stringify(resolve(certificate))}, key_file: ${JSON.stringify(resolve(key))} }`,
    );
  }
  if (options.users) lines.push(options.users.configuration);
  if (options.extraConfig) lines.push(options.extraConfig);
  return `${lines.join('\n')}\n`;
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolveEnd) => {
    child.on('error', (error) => resolveEnd(`nats-server could not be started: ${error.message}`));
    child.on('exit', (code, signal) =>
      resolveEnd(signal ? `nats-server was killed by ${signal}` : `nats-server ended with code ${code}`),
    );
  });
}

async function waitUntilReady(
  child: ChildProcess,
  ended: Promise<string>,
  options: { host: string; port: number },
  { readyWithinMs = USUAL_START_MS, signal }: Patience,
  stateDir: string,
  serverName: string,
  logPath: string,
): Promise<{ greeting: NatsGreeting; port: number }> {
  let end: string | undefined;
  void ended.then((sentence) => {
    end = sentence;
  });
  const deadline = Date.now() + readyWithinMs;
  while (Date.now() < deadline) {
    signal?.throwIfAborted();
    if (end !== undefined) {
      if (child.exitCode === LOCK_TAKEN) {
        const holder = await readFile(join(stateDir, 'nats-server.pid'), 'utf8').catch(() => '?');
        throw fail('conflict', `another nats-server (process ${holder.trim()}) runs on ${stateDir}`);
      }
      throw fail('unavailable', `${end}; its log says:\n${await tailOfLog(logPath)}`);
    }
    const port = options.port || (await readChosenPort(stateDir, child.pid));
    const greeting = port ? await readGreeting(options.host, port) : undefined;
    if (port && greeting?.serverName === serverName && greeting.hasJetStream) return { greeting, port };
    await delay(POLL_MS);
  }
  const log = await tailOfLog(logPath);
  throw fail('timeout', `nats-server was not ready after ${Math.round(readyWithinMs / 1000)} s; its log says:\n${log}`);
}

/** The port that the server chose by itself: it writes a file of that when it listens. */
async function readChosenPort(stateDir: string, pid: number | undefined): Promise<number | undefined> {
  try {
    const text = await readFile(join(stateDir, `nats-server_${pid}.ports`), 'utf8');
    const ports = JSON.parse(text) as { nats?: string[] };
    const [url] = ports.nats ?? [];
    return url === undefined ? undefined : Number(new URL(url).port);
  } catch {
    return undefined; // not there yet, or half written
  }
}

async function tailOfLog(path: string): Promise<string> {
  return tailOf(await readFile(path, 'utf8').catch(() => '(no log)'));
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}
