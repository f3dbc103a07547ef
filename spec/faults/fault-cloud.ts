/**
 * A cloud that faults befall: real processes, a real nats-server where each is a user of its own, hosts whose simulated
 * guests outlive their processes, a client that asks until it is answered, and a witness by whom the checker judges.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BusAuthority, type PartRole } from '../../actors/identity/bus-authority.ts';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { adminCredsFile } from '../../transport/cli/client/access.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import {
  type Credentials,
  connectionAs,
  formatCredentials,
  readCredentials,
} from '../../transport/nats/credentials.ts';
import { checkDeadlines } from '../checker/check-deadlines.ts';
import { checkRecords } from '../checker/check-records.ts';
import { checkNothingLeft, checkRemains } from '../checker/check-remains.ts';
import type { HeldGuest } from '../checker/remains.ts';
import { tellLives, tellViolations } from '../checker/tell.ts';
import type { Violation } from '../checker/violation.ts';
import { eventually } from '../support/test-cloud.ts';
import { FaultClient } from './fault-client.ts';
import { JournalWatch } from './journal-watch.ts';
import { natsServer, Processes } from './processes.ts';
import { Wave } from './wave.ts';
import { Witness } from './witness.ts';

export interface FaultCloudOptions {
  /** Which parts run besides the hosts, by role, with a number where there are several; one of each unless given. */
  parts?: readonly string[];
  /** Two unless given. */
  hosts?: readonly string[];
  /** Further words for the command lines. */
  hostFlags?: readonly string[];
  controllerFlags?: readonly string[];
  /** Where nats-server keeps its store; in a folder of the cloud's own unless given. */
  natsFolder?: string;
  /** What every launch asks for. */
  wishes?: Partial<CreateInstance>;
  /** What the hosts hold, by their state folder, when it is no simulated hypervisor that holds it. */
  held?: (folder: string) => Promise<HeldGuest[]>;
}

/** How long each step of a launch takes, so that many are under way at once (ms). */
const stepMs = 20;
/** How long a process may take to be there again: until nats-server is, and a host's lease has run out (ms). */
const startMs = 120_000;

export class FaultCloud implements AsyncDisposable {
  readonly processes: Processes;
  readonly hosts: readonly string[];
  /** All that may be killed. */
  readonly parts: readonly string[];
  readonly folder: string;
  admin!: ApiClient;
  witness!: Witness;
  #client!: FaultClient;
  readonly #options: FaultCloudOptions;
  readonly #authority: BusAuthority;
  readonly #cleanups = new AsyncDisposableStack();
  #launches = 0;
  #healedAt = 0;

  static async start(options: FaultCloudOptions = {}): Promise<FaultCloud> {
    const folder = await mkdtemp(join(tmpdir(), 'kilonova-faults-'));
    const world = { clock: systemClock, chance: systemChance };
    const cloud = new FaultCloud(folder, await BusAuthority.open(join(folder, 'bus-keys.json'), world), options);
    try {
      await cloud.#start();
      return cloud;
    } catch (error) {
      await cloud[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(folder: string, authority: BusAuthority, options: FaultCloudOptions) {
    const { parts = ['api', 'controller', 'scheduler', 'network'], hosts = ['host-1', 'host-2'] } = options;
    const { natsFolder = join(folder, 'nats'), controllerFlags, hostFlags } = options;
    this.folder = folder;
    this.hosts = hosts;
    this.#options = options;
    this.#authority = authority;
    this.#cleanups.defer(() => rm(folder, { recursive: true, force: true }));
    this.parts = [...parts, ...hosts, natsServer];
    const ofHost = [
      '--state',
      folder,
      ...(hostFlags ?? ['--hypervisor', 'simulated', '--simulated-latency', String(stepMs)]),
    ];
    const ofController = ['--state', folder, ...(controllerFlags ?? ['--no-test-image', '--cidr', '10.20.0.0/18'])];
    const commandOf = (part: string) => {
      const [role = ''] = part.split('-');
      return role === 'controller' ? [role, ...ofController] : [role];
    };
    const commands = Object.fromEntries([
      ...parts.map((part) => [part, [...commandOf(part), '--creds', this.#credsFile(part)]]),
      ...hosts.map((host) => [host, ['compute', '--host', host, ...ofHost, '--creds', this.#credsFile(host)]]),
    ]);
    const users = { account: authority.account, configuration: authority.serverConfiguration() };
    const folders = { nats: natsFolder, clocks: join(folder, 'clocks') };
    this.processes = this.#cleanups.use(new Processes(commands, folders, users));
  }

  async #start(): Promise<void> {
    const { processes, folder, hosts } = this;
    await this.#writeCredentials();
    await processes.start(natsServer);
    // It makes the first records, and everybody's token.
    await processes.start('controller');
    const others = this.parts.filter((name) => name !== natsServer && name !== 'controller');
    await Promise.all(others.map((name) => processes.start(name)));
    const bus = await this.#connect(this.#authority.credentialsOf('up'));
    const journals = this.#cleanups.adopt(new JournalWatch(folder, hosts), (watch) => watch.close());
    const { held = async () => journals.held() } = this.#options;
    this.witness = this.#cleanups.adopt(new Witness(bus, journals, () => held(folder)), (witness) => witness.close());
    this.admin = new ApiClient(
      await this.#connect(readCredentials(adminCredsFile(folder)), false),
      (await readFile(join(folder, 'admin-token'), 'utf8')).trim(),
    );
    this.#client = new FaultClient(this.admin, this.witness.history, this.#options.wishes ?? {});
    await this.admin.ask(api.quota.set, { projectId: adminProject, instances: -1, vcpus: -1, memoryMb: -1 });
    await eventually(async () => {
      const up = (await this.admin.ask(api.host.list, {})).hosts.filter((host) => host.hypervisorState === 'up');
      return up.length === hosts.length || undefined;
    }, startMs);
  }

  async #writeCredentials(): Promise<void> {
    for (const part of this.parts.filter((name) => name !== natsServer)) {
      const [role = ''] = part.split('-');
      const credentials = this.hosts.includes(part)
        ? this.#authority.credentialsOf('compute', part)
        : this.#authority.credentialsOf(role as PartRole);
      await writeFile(this.#credsFile(part), formatCredentials(credentials));
    }
  }

  #credsFile(part: string): string {
    return join(this.folder, `${part}.creds`);
  }

  /** As somebody who looks on, or asks: the processes have connections of their own. */
  async #connect(credentials: Credentials, usesJetStream = true): Promise<Bus> {
    const connection = connectionAs(credentials);
    const bus = await connectBus({ url: this.processes.url, name: 'test', connection, usesJetStream });
    this.#cleanups.defer(() => bus.nats.connection.close());
    return bus;
  }

  /** Asks for `count` launches at once; resolves when they are under way. */
  async launch(count: number): Promise<Wave> {
    const names = Array.from({ length: count }, () => `launch-${++this.#launches}`);
    const wave = new Wave(this.#client, this.witness.history, names);
    await wave.isUnderWay();
    return wave;
  }

  async kill(name: string): Promise<void> {
    this.note(`${name} is killed`);
    await this.processes.kill(name);
  }

  /** Until it can, as a service manager does: without nats-server it cannot. Resolves when it is there. */
  async start(name: string): Promise<void> {
    await eventually(
      () =>
        this.processes.start(name).then(
          () => true,
          () => undefined,
        ),
      startMs,
    );
    this.note(`${name} is there again`);
  }

  pause(name: string): void {
    this.note(`${name} stands still`);
    this.processes.signal(name, 'SIGSTOP');
  }

  resume(name: string): void {
    this.processes.signal(name, 'SIGCONT');
    this.note(`${name} goes on`);
  }

  /** By how much clocks are wrong from now on (ms). */
  stepClocks(names: readonly string[], aheadMs: number): void {
    this.note(`the clocks of ${names.join(', ')} are ${aheadMs / 1000} s ahead`);
    for (const name of names) this.processes.setClock(name, aheadMs);
  }

  /** What is done to the cloud. What goes wrong by it counts from the last of these. */
  note(what: string): void {
    this.#healedAt = Date.now();
    this.witness.history.faults.push({ at: this.#healedAt, what });
  }

  /** Waits until nothing is under way; resolves with what broke a promise until then, told for a person. */
  async judge(): Promise<string> {
    const stuck = await this.witness.untilQuiet();
    const { history } = this.witness;
    return this.#tell([
      ...stuck,
      ...checkRemains(history, await this.witness.remains()),
      ...checkRecords(history),
      ...checkDeadlines(history, this.#healedAt),
      ...this.processes.refusals().map((message) => ({ invariant: 'each part may do what it does', message })),
    ]);
  }

  /** Deletes everything; resolves with what is left, told for a person. */
  async empty(): Promise<string> {
    const { history } = this.witness;
    const there = [...history.records.keys()].filter((uuid) => history.latest(uuid)?.vmState !== 'deleted');
    await Promise.all(there.map((uuid) => this.#client.delete(uuid)));
    const stuck = await this.witness.untilQuiet();
    return this.#tell([...stuck, ...checkNothingLeft(await this.witness.remains())]);
  }

  /** What broke, what was done before, the life of the instances that it broke for, and what the parts wrote. */
  #tell(violations: readonly Violation[]): string {
    if (violations.length === 0) return '';
    const { history } = this.witness;
    const shown = violations.slice(0, 10);
    const words = this.parts.map((name) => ({ name, text: this.processes.wordsOf(name).trim().slice(-2_000) }));
    return [
      `${violations.length} broken:`,
      ...tellViolations(shown),
      ...history.faults.map(({ at, what }) => `  ${new Date(at).toISOString()} ${what}`),
      ...tellLives(shown.slice(0, 3), history),
      ...words.filter(({ text }) => text).map(({ name, text }) => `  ${name} wrote: ${text}`),
    ].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanups.disposeAsync();
  }
}
