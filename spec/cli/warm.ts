/** `kilonova` for tests that await one command after another: what it costs to start a process is paid once. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Ended } from './support.ts';

const program = fileURLToPath(new URL('warm-program.ts', import.meta.url));

export class WarmProgram implements AsyncDisposable {
  readonly #folder: string;
  #process: ChildProcess | undefined;
  /** What the process was told when it began: what is told otherwise needs another one. */
  #told = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Each has its turn. Rejects when the process does not live through it. */
  run(words: readonly string[], environment: Record<string, string>, deadlineMs: number): Promise<Ended> {
    const running = this.#last.then(async () => {
      const warm = await this.#start(environment);
      const timer = setTimeout(() => warm.kill('SIGKILL'), deadlineMs);
      try {
        warm.send(words);
        return (await this.#answer(warm, words)) as Ended;
      } finally {
        clearTimeout(timer);
      }
    });
    this.#last = running.catch(() => undefined);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#end();
  }

  async #start(environment: Record<string, string>): Promise<ChildProcess> {
    const told = JSON.stringify(environment);
    if (this.#process?.connected && told === this.#told) return this.#process;
    await this.#end();
    this.#told = told;
    this.#process = fork(program, { cwd: this.#folder, env: environment, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    await this.#answer(this.#process, ['to begin']);
    return this.#process;
  }

  async #answer(warm: ChildProcess, words: readonly string[]): Promise<unknown> {
    const ended = new AbortController();
    const died = once(warm, 'exit', ended).then(([code]) => {
      throw new Error(`kilonova ${words.join(' ')} ended its process with ${code}`);
    });
    try {
      const [answer] = await Promise.race([once(warm, 'message', ended), died]);
      return answer;
    } finally {
      died.catch(() => undefined);
      ended.abort();
    }
  }

  async #end(): Promise<void> {
    const warm = this.#process;
    this.#process = undefined;
    if (!warm || warm.exitCode !== null || warm.signalCode !== null) return;
    const gone = once(warm, 'exit');
    warm.kill('SIGKILL');
    await gone;
  }
}
