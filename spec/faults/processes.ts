/**
 * The processes of a cloud that faults befall: a nats-server, and each part alone, started by the command line as an
 * operator would. All of them end with the test, however it ends.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type NatsServer, type NatsServerOptions, startNatsServer } from '../../actors/setup/nats-server.ts';
import { findProgram } from '../../actors/setup/try-command.ts';
import { type KilonovaProcess, startKilonova } from '../support/kilonova-process.ts';

/** Its port and its folder stay the same when it is started again. */
export const natsServer = 'nats-server';

/** With which a process tells of it. */
const notPermittedWords = '(--creds)';

/** How long nats-server may take to read what it has stored, of hundreds of launches on a busy machine (ms). */
const readyWithinMs = 120_000;

const preload = pathToFileURL(join(import.meta.dirname, '..', 'support', 'shifted-clock.ts')).href;

export class Processes implements AsyncDisposable {
  readonly #natsFolder: string;
  readonly #clockFolder: string;
  readonly #users: NonNullable<NatsServerOptions['users']>;
  readonly #commands: Record<string, readonly string[]>;
  readonly #running = new Map<string, KilonovaProcess>();
  readonly #started: KilonovaProcess[] = [];
  #nats: NatsServer | undefined;
  #port = 0;

  /** `commands`: by its name, the words that each part is started with. `users`: those of nats-server. */
  constructor(
    commands: Record<string, readonly string[]>,
    folders: { nats: string; clocks: string },
    users: NonNullable<NatsServerOptions['users']>,
  ) {
    this.#commands = commands;
    this.#users = users;
    this.#natsFolder = folders.nats;
    this.#clockFolder = folders.clocks;
    mkdirSync(folders.clocks, { recursive: true });
    for (const name of Object.keys(commands)) this.setClock(name, 0);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Resolves when it is ready. */
  async start(name: string): Promise<void> {
    if (name === natsServer) {
      const options = { stateDir: this.#natsFolder, port: this.#port, users: this.#users };
      this.#nats = await startNatsServer(options, { readyWithinMs });
      this.#port = Number(new URL(this.#nats.url).port);
      return;
    }
    const setpriv = findProgram('setpriv');
    const child = startKilonova([...(this.#commands[name] ?? []), '--nats', this.url], {
      environment: { NODE_OPTIONS: `--import ${preload}`, SHIFTED_CLOCK: this.#clock(name) },
      ...(setpriv && { runner: [setpriv, '--pdeathsig', 'KILL', '--'] }),
    });
    this.#running.set(name, child);
    this.#started.push(child);
    await child.says(/is ready/);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(name: string): Promise<void> {
    this.signal(name, 'SIGKILL');
    await (name === natsServer ? this.#nats?.ended : this.#running.get(name)?.ended);
  }

  /** One that has ended hears nothing. */
  signal(name: string, signal: NodeJS.Signals): void {
    const pid = name === natsServer ? this.#nats?.pid : this.#running.get(name)?.pid;
    if (!pid) throw new TypeError(`${name} was never started`);
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** By how much the clock of a part is wrong from now on, also when it is started again (ms). */
  setClock(name: string, aheadMs: number): void {
    const offset = Buffer.alloc(8);
    offset.writeDoubleLE(aheadMs);
    writeFileSync(this.#clock(name), offset);
  }

  /** What a part wrote since it was started last: why it ended, or what it complains about. */
  wordsOf(name: string): string {
    return this.#running.get(name)?.stderr() ?? '';
  }

  /** What nats-server has let none of them do, also of those that have ended. */
  refusals(): string[] {
    return this.#started
      .flatMap((child) => child.stderr().split('\n'))
      .filter((line) => line.includes(notPermittedWords));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.values()].map((child) => child[Symbol.asyncDispose]()));
    if (!this.#nats) return;
    this.signal(natsServer, 'SIGKILL');
    await this.#nats.ended;
  }

  #clock(name: string): string {
    return join(this.#clockFolder, name);
  }
}
