/**
 * A libvirt daemon of a test's own, on a machine that may have another: it lives in its own mount and PID namespace, with
 * own directories bound over libvirt's. Needs root, libvirtd and unshare; guests run as root, so that a test's temporary
 * files are readable.
 *
 * The namespace's first process is a shell that takes orders on its standard input. It reaps the emulators that libvirtd
 * detaches, without which each destroy waits seconds for a zombie; and when the test dies, however it dies, the input
 * ends, the shell with it, and the kernel kills everything that is left in the namespace.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const startDeadlineMs = 20_000;
const retryMs = 20;

export interface PrivateLibvirtdOptions {
  /** The libvirt driver the URI names; the daemon has all of them. */
  driver?: 'qemu' | 'test';
  /**
   * `shared`: bridges and taps are the machine's. `own`: an empty network. Otherwise the name of a network namespace
   * that `ip netns` knows.
   */
  network?: 'shared' | 'own' | { netns: string };
  /** What the daemon takes for the machine's name. */
  hostname?: string;
  /** Lines added to libvirtd.conf. */
  configuration?: string[];
}

export interface PrivateLibvirtd {
  socketPath: string;
  /** For a client: `qemu+unix:///system?socket=…`. */
  uri: string;
  /** What is `/` to the daemon, as others reach it. */
  rootFolder: string;
  /** Ends the daemon and leaves its guests: `TERM` as a service manager would, `KILL` as a crash would. */
  kill(signal: 'TERM' | 'KILL'): Promise<void>;
  /** Ends every guest as a crash of its emulator would. */
  killGuests(): Promise<void>;
  /** Holds the daemon still, or lets it go on. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Starts the daemon again after `kill`; resolves when it takes connections. */
  start(): Promise<void>;
  /** Ends everything in the namespace, guests too, and removes the directories. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The directories that libvirt has compiled in, and where they are in a daemon's own folder. The locks of consoles name
 * processes, which are others in another namespace.
 */
const boundDirectories = {
  run: '/run/libvirt',
  lib: '/var/lib/libvirt',
  etc: '/etc/libvirt',
  log: '/var/log/libvirt',
  cache: '/var/cache/libvirt',
  lock: '/run/lock',
};

export async function startPrivateLibvirtd(options: PrivateLibvirtdOptions = {}): Promise<PrivateLibvirtd> {
  const folder = await mkdtemp(join(tmpdir(), 'libvirtd-'));
  await writeDirectories(folder, options);
  const shell = startShell(folder, options);
  const daemon = new Daemon(folder, shell, options.driver ?? 'qemu');
  try {
    await daemon.start();
    return daemon;
  } catch (error) {
    await daemon.stop();
    throw error;
  }
}

class Daemon implements PrivateLibvirtd {
  readonly socketPath: string;
  readonly uri: string;
  readonly rootFolder: string;
  readonly #folder: string;
  readonly #shell: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #errors = '';

  constructor(folder: string, shell: ChildProcessWithoutNullStreams, driver: 'qemu' | 'test') {
    this.#folder = folder;
    this.#shell = shell;
    this.#answers = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
    this.socketPath = join(folder, 'run', 'libvirt-sock');
    const path = driver === 'test' ? '/default' : '/system';
    this.uri = `${driver}+unix://${path}?socket=${this.socketPath}`;
    this.rootFolder = `/proc/${shell.pid}/root`;
    shell.stderr.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-4_000);
    });
    // An order given to a shell that is gone is told by the missing answer.
    shell.stdin.on('error', () => {});
  }

  async start(): Promise<void> {
    await rm(this.socketPath, { force: true });
    await this.#order('start');
    const deadline = performance.now() + startDeadlineMs;
    while (!(await canConnect(this.socketPath))) {
      if (this.#shell.exitCode !== null || performance.now() > deadline) {
        throw new Error(`libvirtd did not start: ${this.#errors}`);
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  async kill(signal: 'TERM' | 'KILL'): Promise<void> {
    await this.#order(`end ${signal}`);
  }

  async killGuests(): Promise<void> {
    await this.#order('guests');
  }

  async freeze(): Promise<void> {
    await this.#order('signal STOP');
  }

  async thaw(): Promise<void> {
    await this.#order('signal CONT');
  }

  async stop(): Promise<void> {
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) {
      const exited = once(this.#shell, 'exit');
      this.#shell.stdin.end();
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Each order is answered by one line when it is done. */
  async #order(order: string): Promise<void> {
    this.#shell.stdin.write(`${order}\n`);
    const { done } = await this.#answers.next();
    if (done) throw new Error(`the namespace of libvirtd is gone: ${this.#errors}`);
  }
}

async function writeDirectories(folder: string, options: PrivateLibvirtdOptions): Promise<void> {
  for (const name of Object.keys(boundDirectories)) await mkdir(join(folder, name));
  const libvirtd = [
    `host_uuid = "${randomUUID()}"`,
    'auth_unix_rw = "none"',
    'unix_sock_group = "root"',
    ...(options.configuration ?? []),
  ];
  const qemu = [
    'user = "root"',
    'group = "root"',
    'dynamic_ownership = 0',
    // No virtlogd: the emulator writes its logs itself.
    'stdio_handler = "file"',
    // Control groups are named by id and name of a domain, which two daemons may give twice.
    'cgroup_controllers = []',
    'namespaces = []',
    'security_driver = "none"',
  ];
  await writeFile(join(folder, 'etc', 'libvirtd.conf'), `${libvirtd.join('\n')}\n`);
  await writeFile(join(folder, 'etc', 'qemu.conf'), `${qemu.join('\n')}\n`);
}

function startShell(folder: string, options: PrivateLibvirtdOptions): ChildProcessWithoutNullStreams {
  const { network = 'shared', hostname } = options;
  const mounts = Object.entries(boundDirectories).flatMap(([name, path]) => [
    `mkdir -p ${path}`,
    `mount --bind "$FOLDER/${name}" ${path}`,
  ]);
  const script = [
    'set -e',
    // What /sys shows of the network is that of whoever mounted it.
    network === 'own' ? 'mount -t sysfs sysfs /sys' : '',
    ...mounts,
    hostname === undefined ? '' : 'hostname "$NEW_HOSTNAME"',
    'set +e',
    'while read -r order argument; do',
    '  case $order in',
    // Diagnostics go to the shell's own standard error; its standard output is for answers.
    '    start) libvirtd --pid-file "$FOLDER/libvirtd.pid" >&2 </dev/null & daemon=$!;;',
    '    signal) kill -"$argument" "$daemon";;',
    // There are none but ours: the namespace sees its own processes only.
    '    guests) for pid in $(pidof qemu-system-x86_64); do kill -KILL $pid; done;;',
    '    end) kill -"$argument" "$daemon"; wait "$daemon" 2>/dev/null;;',
    '  esac',
    '  echo done',
    'done',
  ].join('\n');
  const unshare = [
    ...['unshare', '--mount', '--propagation', 'private', '--uts'],
    ...['--pid', '--fork', '--kill-child', '--mount-proc'],
    ...(network === 'own' ? ['--net'] : []),
    ...['bash', '-c', script],
  ];
  const inNetns = typeof network === 'object' ? ['ip', 'netns', 'exec', network.netns] : [];
  const [command = '', ...args] = [...inNetns, ...unshare];
  return spawn(command, args, { env: { ...process.env, FOLDER: folder, NEW_HOSTNAME: hostname ?? '' } });
}

async function canConnect(path: string): Promise<boolean> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
