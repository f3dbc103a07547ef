/** Runs the command line as somebody would: with an empty home, and nothing told but by the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WarmProgram } from './warm.ts';

export const main = fileURLToPath(new URL('../../transport/cli/main.ts', import.meta.url));

const deadlineMs = 50_000;

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running extends Promise<Ended> {
  child: ChildProcess;
  /** Resolves when it has written that; rejects when it ends before. */
  says(pattern: RegExp): Promise<void>;
}

export interface Shell extends AsyncDisposable {
  /** Its home, and where it stands. */
  folder: string;
  environment: Record<string, string>;
  /** `kilonova` with these words, by a process that may have done others before. */
  kilonova(...words: string[]): Promise<Ended>;
  /** `kilonova` with these words, in a process of its own. */
  start(...words: string[]): Running;
  /** A line of bash, in which `kilonova` is a command. */
  bash(line: string): Running;
  /** `kilonova` on a terminal that is 100 characters wide, with somebody to type. */
  terminal(words: string): Running;
}

export async function openShell(told: Record<string, string> = {}): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-cli-'));
  // What decides on colours: Node sees none on a terminal of a CI, which is known by any of these.
  const left = /^(KILONOVA_|XDG_|NO_COLOR|FORCE_COLOR|NODE_DISABLE_COLORS|COLORTERM|TMUX|TEAMCITY|CI$|CI_)/;
  const kept = Object.entries(process.env).filter(([name]) => !left.test(name));
  const environment = {
    ...(Object.fromEntries(kept) as Record<string, string>),
    HOME: folder,
    KILONOVA_STATE: join(folder, 'state'),
    TERM: 'xterm-256color',
    // What Node compiles is kept from test to test.
    KILONOVA_CACHE_DIR: process.env.KILONOVA_CACHE_DIR ?? join(tmpdir(), 'kilonova-cli-cache'),
    ...told,
  };
  const warm = new WarmProgram(folder);
  const spawned = (program: string, words: readonly string[], input: 'ignore' | 'pipe' = 'ignore') =>
    follow(spawn(program, words, { cwd: folder, env: environment, stdio: [input, 'pipe', 'pipe'] }), words);
  return {
    folder,
    environment,
    kilonova: (...words) => warm.run(words, environment, deadlineMs),
    start: (...words) => spawned(process.execPath, [main, ...words]),
    bash: (line) => spawned('bash', ['-c', `kilonova() { '${process.execPath}' '${main}' "$@"; }\n${line}`]),
    terminal: (words) =>
      spawned('script', ['-qec', `stty cols 100; '${process.execPath}' '${main}' ${words}`, '/dev/null'], 'pipe'),
    async [Symbol.asyncDispose]() {
      await warm[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function follow(child: ChildProcess, words: readonly string[]): Running {
  const output = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...output });
    });
  });
  return Object.assign(ended, {
    child,
    says(pattern: RegExp) {
      return new Promise<void>((resolve, reject) => {
        const look = () => {
          if (pattern.test(output.stdout) || pattern.test(output.stderr)) resolve();
        };
        listeners.add(look);
        look();
        void ended.then(({ stdout, stderr }) =>
          reject(new Error(`${words.join(' ')} ended before it said ${pattern}:\n${stdout}${stderr}`)),
        );
      });
    },
  });
}
