/**
 * Sees to it that a libvirtd answers on the machine's own socket.
 *
 * One that answers is used as it is; otherwise systemd is asked for it, and where there is no systemd (a container)
 * virtlogd and libvirtd are started here. They are the machine's, not ours: they outlive us, so that guests and their
 * console logs do, and the next start finds them. `stop` is for those who want what they started to go.
 */

import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, toFailure } from '../../machines/failure.ts';
import { resolveConnection } from '../libvirt/connection-uri.ts';
import { LibvirtClient } from '../libvirt/libvirt-client.ts';
import { openKvmDevice } from './kvm-device.ts';
import { findProgram, findRootPrefix, tailOf, tryCommand } from './try-command.ts';

export const libvirtSocket = '/run/libvirt/libvirt-sock';
const LOG_SOCKET = '/run/libvirt/virtlogd-sock';
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 15_000;
/** How long ours having ended may be because another is just coming up. */
const RIVAL_DEADLINE_MS = 3_000;
const POLL_MS = 50;

export interface LibvirtOptions {
  /** Where the log of a libvirtd started here goes; made when absent. */
  stateDir: string;
  /** Of a libvirt that somebody else sees to: only whether it answers is looked at. */
  uri?: string;
  report: (line: string) => void;
}

export interface LibvirtDaemon {
  /** For a client of libvirt. */
  uri: string;
  socket: string;
  /** Present only when libvirtd was started here. Ends it; virtlogd stays, and so do guests and their logs. */
  stop?(): Promise<void>;
}

/**
 * Resolves when the socket accepts connections; the first client may still wait two seconds while libvirt looks at
 * what QEMU can do. Rejects with `hypervisor_unavailable`. Two callers at once are safe: the loser's daemon ends by
 * itself when it cannot get the pid file, and the loser uses the winner's.
 */
export async function ensureLibvirt(options: LibvirtOptions): Promise<LibvirtDaemon> {
  if (options.uri !== undefined) return await findLibvirt(options.uri);
  const daemon: LibvirtDaemon = { uri: 'qemu:///system', socket: libvirtSocket };
  await openKvmDevice(options);
  const answer = await knock(libvirtSocket);
  if (answer === 'open') return await usable(daemon);
  if (answer === 'denied') {
    throw fail('hypervisor_unavailable', 'only root and members of the group libvirt may use libvirtd');
  }
  const root = await findRootPrefix();
  if (root === undefined) {
    throw fail('hypervisor_unavailable', 'libvirtd does not answer, and starting it needs root');
  }
  if (existsSync('/run/systemd/system')) {
    await startBySystemd(root, options.report);
    return daemon;
  }
  const stop = await startHere(root, options);
  return stop ? { ...daemon, stop } : daemon;
}

async function findLibvirt(uri: string): Promise<LibvirtDaemon> {
  const { socketPath } = resolveConnection(uri);
  const answer = await knock(socketPath);
  if (answer === 'open') return await usable({ uri, socket: socketPath });
  const why = answer === 'denied' ? `we may not use ${socketPath}` : `nobody answers at ${socketPath}`;
  throw fail('hypervisor_unavailable', `there is no libvirt for ${uri}: ${why}`);
}

/** A socket that is open to all may still ask who we are, of everybody but root. */
async function usable(daemon: LibvirtDaemon): Promise<LibvirtDaemon> {
  if (process.getuid?.() === 0) return daemon;
  const client = new LibvirtClient({ uri: daemon.uri });
  try {
    await client.connect();
    return daemon;
  } catch (thrown) {
    const { message } = toFailure(thrown);
    throw fail('hypervisor_unavailable', `only root and members of the group libvirt may use it (${message})`);
  } finally {
    client.close();
  }
}

async function accepts(path: string): Promise<boolean> {
  return (await knock(path)) === 'open';
}

/** Whether somebody listens there, and to us. A socket left by a killed daemon is closed. */
function knock(path: string): Promise<'open' | 'denied' | 'closed'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (answer: 'open' | 'denied' | 'closed') => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => finish('open'));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code === 'EACCES' ? 'denied' : 'closed'));
  });
}

async function startBySystemd(root: readonly string[], report: (line: string) => void): Promise<void> {
  report('starting libvirtd (systemd)');
  const [first = 'systemctl', ...rest] = [...root, 'systemctl', 'start', 'libvirtd'];
  const { code, stderr } = await tryCommand(first, rest, { timeoutMs: START_DEADLINE_MS });
  if (code !== 0) throw fail('hypervisor_unavailable', `systemctl start libvirtd failed: ${tailOf(stderr)}`);
  if (!(await until(() => accepts(libvirtSocket), START_DEADLINE_MS))) {
    throw fail('hypervisor_unavailable', `systemd started libvirtd, but ${libvirtSocket} does not answer`);
  }
}

/** Returns what ends the libvirtd; undefined when somebody else's came up first. */
async function startHere(root: readonly string[], options: LibvirtOptions): Promise<(() => Promise<void>) | undefined> {
  const libvirtd = findProgram('libvirtd');
  const virtlogd = findProgram('virtlogd');
  if (!libvirtd || !virtlogd) throw fail('hypervisor_unavailable', 'libvirtd is not installed');
  options.report('starting libvirtd');
  await mkdir(options.stateDir, { recursive: true });
  const logPath = join(options.stateDir, 'libvirtd.log');
  if (!(await accepts(LOG_SOCKET))) {
    // Guests with a console log cannot start without it.
    startDetached([...root, virtlogd], logPath);
    if (!(await until(() => accepts(LOG_SOCKET), START_DEADLINE_MS))) {
      throw fail('hypervisor_unavailable', `virtlogd does not answer:\n${await tailOfLog(logPath)}`);
    }
  }
  // libvirtd takes a guest for alive until the guest's process has been buried. Guests are orphans, so that is PID 1's
  // task, which in a container may be slow at it or not do it at all. tini adopts and buries them at once.
  const tini = findProgram('tini');
  const child = startDetached([...root, ...(tini ? [tini, '-s', '--'] : []), libvirtd], logPath);
  let hasEnded = false;
  child.on('exit', () => {
    hasEnded = true;
  });
  await until(async () => hasEnded || (await accepts(libvirtSocket)), START_DEADLINE_MS);
  if (!(await until(() => accepts(libvirtSocket), RIVAL_DEADLINE_MS))) {
    throw fail('hypervisor_unavailable', `libvirtd does not answer:\n${await tailOfLog(logPath)}`);
  }
  if (hasEnded) return undefined;
  return async () => {
    if (hasEnded || child.pid === undefined) return;
    // Through kill, because what sudo started is root's. tini and sudo hand the signal on.
    const [first = 'kill', ...rest] = [...root, 'kill', '-TERM', String(child.pid)];
    await tryCommand(first, rest);
    await until(async () => hasEnded, STOP_DEADLINE_MS);
  };
}

/** In a session of its own, so that neither Ctrl-C nor our end reaches it. */
function startDetached(words: readonly string[], logPath: string) {
  const [first = '', ...rest] = words;
  const log = openSync(logPath, 'a');
  const child = spawn(first, rest, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  child.on('error', () => {}); // told by the socket that never answers
  child.unref();
  return child;
}

async function until(isSo: () => Promise<boolean>, deadlineMs: number): Promise<boolean> {
  const deadline = Date.now() + deadlineMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

async function tailOfLog(path: string): Promise<string> {
  return tailOf(await readFile(path, 'utf8').catch(() => '(no log)'));
}
