/** A program of the benchmark's in a process of its own: how long it took to start, and what CPU it has used. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../../actors/setup/try-command.ts';

export const kilonovaMain = fileURLToPath(new URL('../../transport/cli/main.ts', import.meta.url));

const startDeadlineMs = 60_000;
const stopDeadlineMs = 10_000;

export interface Child {
  name: string;
  pid: number;
  /** From its start until it said that it is ready. */
  startedMs: number;
  /** Asks it to end, and makes it when it does not. */
  stop(): Promise<void>;
}

/** Resolves when its output matches `ready`. It ends with us, also when we are killed. */
export async function startChild(name: string, script: string, args: readonly string[], ready: RegExp): Promise<Child> {
  const kept = Object.entries(process.env).filter(([key]) => !key.startsWith('KILONOVA_') || key.endsWith('_DIR'));
  const setpriv = findProgram('setpriv');
  const guard = setpriv ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
  const [program = '', ...words] = [...guard, process.execPath, script, ...args];
  const startedAt = performance.now();
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], env: Object.fromEntries(kept) });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let output = '';
  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
    await ended;
    clearTimeout(timer);
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-16_000);
      if (ready.test(output)) resolve();
    });
  }
  child.on('error', reject);
  void ended.then(() => reject(new Error(`${name} ended too early: ${output}`)));
  const timer = setTimeout(() => reject(new Error(`${name} was not ready in time: ${output}`)), startDeadlineMs);
  try {
    await promise;
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { name, pid: child.pid ?? 0, startedMs: performance.now() - startedAt, stop };
}

/** CPU that a process has used so far (µs): to the nanosecond where the kernel counts it, else in ticks. */
export function cpuOf(pid: number): number {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const spent = tasks.map((task) =>
      Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return spent.reduce((sum, ns) => sum + ns, 0) / 1000;
  } catch {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces. What follows begins with field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickUs;
  }
}

/** Linux's USER_HZ, the same on every architecture that Node runs on. */
const tickUs = 10_000;
