/**
 * Runs one program to its end, without a shell: the only way actors start a helper such as qemu-img, nft or ip.
 *
 * Resolves with what it wrote when it exits with 0. Rejects with a FailureError otherwise:
 * - `hypervisor_error` when it cannot be started, exits with another code or dies of a signal. The message holds
 *   the last lines of its stderr; `details` are a `CommandTrouble`, for callers that tell outcomes apart.
 * - `timeout` when `deadlineMs` has passed.
 * - what `signal` was aborted with when that is a FailureError, `cancelled` otherwise.
 *
 * Aborting kills the program (SIGKILL) and waits until it is gone, so that the caller may remove its files.
 * The program speaks English (LC_ALL=C): callers may look for errno texts.
 */
import { spawn } from 'node:child_process';
import { type FailureError, fail } from '../../machines/failure.ts';
import { cancelled } from './cancelled.ts';

/** More than any of our programs writes; a runaway one must not eat the memory of the host's agent. */
const maxOutputBytes = 64 * 1024 * 1024;
const maxStderrCharacters = 64 * 1024;
/** A process in uninterruptible sleep outlives SIGKILL: no abort waits longer than this for one. */
const killGraceMs = 2_000;
/** Service managers and desktops start us without the folders where ip and nft live. */
const searchPath = [process.env.PATH, '/usr/sbin', '/sbin', '/usr/bin', '/bin'].filter(Boolean).join(':');

export interface CommandOptions {
  signal?: AbortSignal | undefined;
  /** Written to stdin, which is closed after it. */
  input?: string | Uint8Array | undefined;
  deadlineMs?: number | undefined;
  /** Set by prlimit(1) from util-linux before the program starts. */
  limits?: { addressSpaceBytes?: number; cpuSeconds?: number } | undefined;
}

export interface CommandOutput {
  stdout: string;
  stderr: string;
}

/** The details of a `hypervisor_error` that comes from here. */
export interface CommandTrouble {
  command: string;
  /** `missing`: no such program. `refused`: it may not be started. `failed`: it ran and did not succeed. */
  trouble: 'missing' | 'refused' | 'failed';
  exitCode?: number;
  killedBy?: string;
  /** The last lines, at most 2000 characters. */
  stderr: string;
}

export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const { signal, input, deadlineMs } = options;
  if (signal?.aborted) throw cancelled(signal);
  const [program, ...programArgs] = [...limiter(options.limits), file, ...args];
  const child = spawn(program ?? file, programArgs, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH: searchPath, LC_ALL: 'C' },
  });

  return await new Promise<CommandOutput>((resolve, reject) => {
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    let stderr = '';
    /** Set once we have decided to kill; then the exit code says nothing. */
    let verdict: FailureError | undefined;
    let deadline: NodeJS.Timeout | undefined;
    let grace: NodeJS.Timeout | undefined;

    const settle = (finish: () => void) => {
      clearTimeout(deadline);
      clearTimeout(grace);
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    const kill = (reason: FailureError) => {
      if (verdict) return;
      verdict = reason;
      child.kill('SIGKILL');
      grace = setTimeout(() => settle(() => reject(reason)), killGraceMs);
    };
    const onAbort = () => kill(cancelled(signal));

    signal?.addEventListener('abort', onAbort, { once: true });
    if (deadlineMs !== undefined) {
      deadline = setTimeout(
        () => kill(fail('timeout', `${file} took more than ${deadlineMs} ms`, { disposition: 'retry' })),
        deadlineMs,
      );
    }

    child.stdout.on('data', (chunk: Buffer) => {
      stdoutBytes += chunk.length;
      if (stdoutBytes > maxOutputBytes) kill(failed(file, { stderr: 'it wrote too much output' }));
      else stdout.push(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-maxStderrCharacters);
    });
    // A program that exits without reading its input is judged by its exit code, not by our EPIPE.
    child.stdin.on('error', () => {});
    child.stdin.end(input);

    child.on('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) settle(() => reject(notStarted(program ?? file, error)));
    });
    child.on('close', (exitCode, killedBy) => {
      settle(() => {
        if (verdict) return reject(verdict);
        if (exitCode === 0) return resolve({ stdout: Buffer.concat(stdout).toString('utf8'), stderr });
        reject(failed(file, { stderr, exitCode, killedBy }));
      });
    });
  });
}

/** What a rejection of `runCommand` says about the program, when it is about the program. */
export function commandTrouble(failure: FailureError['failure']): CommandTrouble | undefined {
  const { details } = failure;
  if (failure.code !== 'hypervisor_error' || typeof details?.trouble !== 'string') return undefined;
  return details as unknown as CommandTrouble;
}

function limiter(limits: CommandOptions['limits']): string[] {
  if (!limits) return [];
  const { addressSpaceBytes, cpuSeconds } = limits;
  return [
    'prlimit',
    ...(addressSpaceBytes === undefined ? [] : [`--as=${addressSpaceBytes}`]),
    ...(cpuSeconds === undefined ? [] : [`--cpu=${cpuSeconds}`]),
    '--',
  ];
}

function notStarted(program: string, error: NodeJS.ErrnoException): FailureError {
  const isMissing = error.code === 'ENOENT';
  const details = { command: program, trouble: isMissing ? 'missing' : 'refused', stderr: error.message };
  const message = isMissing
    ? `${program} is not installed on this host`
    : `${program} cannot be started on this host: ${error.message}`;
  return fail('hypervisor_error', message, { disposition: 'reschedule', details });
}

function failed(
  file: string,
  end: { stderr: string; exitCode?: number | null; killedBy?: string | null },
): FailureError {
  const stderr = end.stderr.trim().split('\n').slice(-10).join('\n').slice(-2_000);
  const how = end.killedBy ? `was killed by ${end.killedBy}` : `failed with exit code ${end.exitCode ?? '?'}`;
  const details = {
    command: file,
    // What prlimit says when it cannot exec what it wraps.
    trouble: /^prlimit: failed to execute .*No such file/m.test(stderr) ? 'missing' : 'failed',
    ...(typeof end.exitCode === 'number' ? { exitCode: end.exitCode } : {}),
    ...(end.killedBy ? { killedBy: end.killedBy } : {}),
    stderr,
  };
  return fail('hypervisor_error', stderr === '' ? `${file} ${how}` : `${file} ${how}: ${stderr}`, {
    disposition: 'reschedule',
    details,
  });
}
