/** `kilonova` as a process of its own, run from the sources; ended with the test that started it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../transport/cli/main.ts', import.meta.url));
/** Real guests on a machine that runs other tests too. */
const deadlineMs = 180_000;

export interface KilonovaProcess extends AsyncDisposable {
  pid: number;
  /** What it wrote so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves with the match when it has written that; rejects when it ends before, or time is up. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with its exit code when it has ended; null when it was killed. */
  ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

export interface KilonovaOptions {
  environment?: Record<string, string>;
  /** A program that runs it. */
  runner?: readonly string[];
}

export function startKilonova(
  args: readonly string[],
  { environment = {}, runner = [] }: KilonovaOptions = {},
): KilonovaProcess {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('KILONOVA_') || name.endsWith('_DIR'));
  const [program = '', ...words] = [...runner, process.execPath, main, ...args];
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(kept), ...environment },
  });
  const output = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const everything = () => `kilonova ${args.join(' ')} wrote:\n${output.stdout}${output.stderr}`;
  return {
    pid: child.pid ?? 0,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ended,
    kill: (signal) => void child.kill(signal),
    async says(pattern) {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
      const look = () => {
        const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr);
        if (match) resolve(match);
      };
      const timer = setTimeout(
        () => reject(new Error(`it did not say ${pattern} in time; ${everything()}`)),
        deadlineMs,
      );
      listeners.add(look);
      look();
      void ended.then((code) => reject(new Error(`it ended with ${code} before it said ${pattern}; ${everything()}`)));
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        listeners.delete(look);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
