/**
 * Runs a program of the machine and gathers what it printed; as root where that is needed and possible.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface CommandResult {
  /** 127 when the program does not exist, 128 + n when it was killed by signal n or ran out of time. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  /** Added to our own environment. */
  env?: Record<string, string>;
  /** Milliseconds; none when absent. */
  timeoutMs?: number;
}

/** Never rejects: a program that is missing or fails is told by its code. */
export function tryCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
  });
}

/** The words to put before a command so that it runs as root: none, sudo's, or undefined when neither works. */
export async function findRootPrefix(): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const sudo = findProgram('sudo');
  if (!sudo) return undefined;
  const probe = await tryCommand(sudo, ['-n', 'true']);
  return probe.code === 0 ? [sudo, '-n'] : undefined;
}

/** The path of a program, also where an ordinary user's PATH does not lead. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const folder of [...folders, '/usr/local/sbin', '/usr/sbin', '/sbin']) {
    const path = join(folder, name);
    if (folder !== '' && existsSync(path)) return path;
  }
  return undefined;
}

/** The last lines of what a program said, for an error message. */
export function tailOf(text: string, lines = 12): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
