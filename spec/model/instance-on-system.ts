/**
 * Runs paths of the instance specification against the whole system: an instance of its own, in a zone of its own, whose
 * hosts are started as the scheduler is to find them. The system has to tell of each state that the specification goes
 * through, in order and with its words; and wherever a client or a guest acts, every command that is forbidden there is
 * given too, and has to be refused.
 */
import { isDeepStrictEqual } from 'node:util';
import { startCompute } from '../../actors/compute/compute.ts';
import type { Part } from '../../actors/runtime/runtime.ts';
import { type Failure, toFailure } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { InstanceCommandName } from '../../machines/instance-states.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { encodeToken } from '../../transport/nats/subjects.ts';
import { addDownZone } from '../support/down-zone.ts';
import { eventually, imageName } from '../support/test-cloud.ts';
import type { ConductedCloud } from './conducted-cloud.ts';
import { ConductedHypervisor } from './conducted-hypervisor.ts';
import type { Conductor, Ending } from './conductor.ts';
import { allowedCommands, type InstanceFacts, instanceSpecification, visibleOf } from './instance-specification.ts';
import { PathFailed } from './on-chart.ts';
import type { Path } from './paths.ts';
import type { Specified } from './specification.ts';
import { isSteerable, stepOf } from './steering.ts';

const plenty = { vcpus: 64, memoryMb: 262_144, diskGb: 4096 };
const factMs = 15_000;
/** Names each path's zone. */
let paths = 0;

type State = Specified<InstanceFacts>;

/** Whether every actor of the host is ended and restored between the events. */
export interface SystemRun {
  isRestarted?: boolean;
}

export async function runOnSystem(world: ConductedCloud, path: Path, options: SystemRun = {}): Promise<void> {
  const run = new InstanceRun(world, path, options);
  try {
    await run.play();
  } catch (error) {
    throw error instanceof PathFailed ? error : new PathFailed(path, String(error));
  } finally {
    await run.end();
  }
}

class InstanceRun {
  readonly #world: ConductedCloud;
  readonly #path: Path;
  readonly #isRestarted: boolean;
  readonly #zone = `zone-${++paths}`;
  readonly #conductor: Conductor;
  readonly #hosts: { name: string; part: Part; hypervisor: ConductedHypervisor; start: () => Promise<Part> }[] = [];
  /** The states that the system has told of, and those that the specification wants next. */
  readonly #told: object[] = [];
  readonly #wanted: object[] = [];
  #wake: () => void = () => undefined;
  #uuid = '';
  #specified: State = instanceSpecification.initial;
  /** What the guest was said to do since the chart last rested. */
  #reported: string | undefined;
  #isTrue = true;

  constructor(world: ConductedCloud, path: Path, { isRestarted = false }: SystemRun) {
    this.#world = world;
    this.#path = path;
    this.#isRestarted = isRestarted;
    this.#conductor = world.conduct(this.#zone);
  }

  async play(): Promise<void> {
    const { cloud, follow } = this.#world;
    await addDownZone(cloud.runtime, this.#zone);
    this.#conductor.await(stepOf(this.#specified.state));
    const { instances } = await cloud.client.ask(api.instance.create, {
      name: this.#zone,
      image: imageName,
      flavor: 'm1.micro',
      availabilityZone: this.#zone,
    });
    this.#uuid = instances[0]?.uuid ?? '';
    follow(this.#uuid, ({ to, vmState, taskState }) => {
      this.#told.push({ state: to, vmState, taskState });
      this.#wake();
    });
    for (const [index, event] of this.#path.entries()) {
      try {
        await this.#happen(event, index);
      } catch (error) {
        throw new PathFailed(this.#path.slice(0, index + 1), error instanceof Error ? error.message : String(error));
      }
    }
    await this.#hear();
    await this.#look();
  }

  async end(): Promise<void> {
    this.#conductor.await(undefined);
    const { client } = this.#world.cloud;
    // Whatever has come of it, it makes room for others.
    if (this.#uuid) await client.ask(api.instance.delete, { uuid: this.#uuid }).catch(() => undefined);
    if (this.#uuid)
      await this.#world.cloud.until(this.#uuid, ({ state }) => state === 'deleted', 5_000).catch(() => undefined);
    for (const { part } of this.#hosts) await part.stop();
  }

  async #happen(event: string, index: number): Promise<void> {
    const before = this.#specified;
    const next = instanceSpecification.next(before, event);
    if (!next) throw new Error(`the specification does not know it in ${before.state}`);
    const [actor = '', ...words] = event.split(' ');
    const what = words.join(' ');
    const step = this.#stepAfter(next, index + 1);
    if (actor === 'client:' || actor === 'guest:') {
      await this.#hear();
      if (stepOf(before.state)) await this.#conductor.arrived();
      await this.#look();
      if (this.#isRestarted) await this.#restart(before);
      await this.#act(actor, what, next.state === before.state && actor === 'client:' ? undefined : { step });
    } else if (actor === 'scheduler:' || actor === 'requestPlacement') {
      await this.#conductor.arrived();
      if (what === 'host found') await this.#startHost(index);
      this.#conductor.end(what === 'fails' ? { failure: refusal(what) } : 'work', step);
    } else if (stepOf(before.state)) {
      await this.#conductor.arrived();
      if (this.#isRestarted) {
        await this.#hear();
        await this.#restart(before);
      }
      this.#conductor.end(endingOf(what), step);
      if (what.startsWith('finds')) this.#isTrue = false;
    }
    this.#specified = next;
    if (next.state !== before.state) this.#want(next);
    if (actor === 'inspectDomain') await this.#hearEcho(what, next);
  }

  /** `leading` is absent where the state is not left, so that its step is held on. */
  async #act(actor: string, what: string, leading: { step: string | undefined } | undefined): Promise<void> {
    const letGo = leading && this.#conductor.expect(leading.step);
    if (actor === 'guest:') {
      this.#reported = what;
      this.#hosts.at(-1)?.hypervisor.report(this.#uuid, what as ReportedPowerState);
    } else {
      this.#reported = undefined;
      await this.#command(what);
    }
    letGo?.();
  }

  /** What was reported while the chart was busy is told again when it rests: where it matters, it looks once more. */
  async #hearEcho(what: string, rest: State): Promise<void> {
    const report = this.#reported;
    this.#reported = undefined;
    if (report === undefined || !instanceSpecification.next(rest, `guest: ${report}`)) return;
    this.#conductor.await('powerState');
    await this.#conductor.arrived();
    // Told of before what came before it is stored, so that its words may be those of an earlier state.
    this.#wanted.push({ state: 'inspecting' });
    this.#conductor.end(endingOf(what), undefined);
    this.#want(rest);
  }

  async #command(what: string): Promise<InstanceView> {
    const { client } = this.#world.cloud;
    const [verb, how] = what.split(' ') as [InstanceCommandName, 'soft' | 'hard' | undefined];
    const uuid = this.#uuid;
    if (verb === 'reboot') return (await client.ask(api.instance.reboot, { uuid, ...(how && { how }) })).instance;
    return (await client.ask(api.instance[verb], { uuid })).instance;
  }

  /** The step that is awaited in a state; of one that goes on by itself, that of the state after. */
  #stepAfter(state: State, index: number): string | undefined {
    const event = this.#path[index];
    const isPassing = event !== undefined && / succeeds$|^claimResources/.test(event) && !stepOf(state.state);
    const next = isPassing ? instanceSpecification.next(state, event) : undefined;
    return next ? this.#stepAfter(next, index + 1) : stepOf(state.state);
  }

  async #startHost(index: number): Promise<void> {
    const { runtime } = this.#world.cloud;
    const name = `${this.#zone}-${this.#hosts.length}`;
    const isFull = this.#path[index + 2]?.startsWith('claimResources fails');
    const hypervisor = new ConductedHypervisor(this.#conductor);
    const capacity = isFull ? { ...plenty, memoryMb: 1 } : plenty;
    const start = () => startCompute(runtime, { name, availabilityZone: this.#zone, hypervisor, capacity });
    this.#hosts.push({ name, part: await start(), hypervisor, start });
    await this.#up(name);
  }

  /** Not where a restart alone makes the chart look, or try again, or nothing of it is on the host. */
  async #restart({ state, context }: State): Promise<void> {
    const host = this.#hosts.at(-1);
    const isElsewhere = /^(scheduling|deleted|failed\.scheduling)$/.test(state);
    const isLooking = state === 'failed.powering' || (state === 'failed.releasing' && context.isDeleteWanted);
    if (!host || isElsewhere || isLooking || !this.#isTrue || this.#reported !== undefined) return;
    this.#conductor.await(stepOf(state));
    await host.part.stop();
    const before = Date.now();
    host.part = await host.start();
    if (stepOf(state)) await this.#conductor.arrived();
    await this.#up(host.name, before);
  }

  /** What a host is told before it has looked at its instances, it does not hear. */
  async #up(name: string, since = 0): Promise<void> {
    const view = await this.#world.cloud.runtime.store.view('host');
    await eventually(() => {
      const host = view.get(encodeToken(name));
      return host && host.startedAt >= since && host.hypervisorState === 'up' ? true : undefined;
    });
  }

  #want({ state, context }: State): void {
    const { vmState, taskState } = visibleOf(state, context);
    this.#wanted.push({ state, vmState, taskState });
  }

  /** Resolves when the system has told of everything that is wanted; rejects at the first difference. */
  async #hear(): Promise<void> {
    const deadline = Date.now() + factMs;
    for (;;) {
      const different = this.#wanted.findIndex(
        (wanted, index) =>
          this.#told[index] && !isDeepStrictEqual({ ...this.#told[index], ...wanted }, this.#told[index]),
      );
      if (different >= 0) {
        throw new Error(
          `the system tells of ${JSON.stringify(this.#told[different])}, not ${JSON.stringify(this.#wanted[different])}`,
        );
      }
      if (this.#told.length >= this.#wanted.length) return;
      if (Date.now() > deadline) {
        throw new Error(`the system does not tell of ${JSON.stringify(this.#wanted[this.#told.length])}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** What a client sees, and that it is refused what is forbidden. A state that goes on by itself is not looked at. */
  async #look(): Promise<void> {
    const { state, context } = this.#specified;
    if (!isSteerable(state)) return;
    const { client } = this.#world.cloud;
    const wanted = { state, ...visibleOf(state, context), commands: allowedCommands(state), attempt: context.attempt };
    let seen: object = {};
    const isSeen = async () => {
      const { instance } = await client.ask(api.instance.get, { uuid: this.#uuid });
      const { vmState, powerState, taskState, attempt } = instance;
      seen = { state: instance.state, vmState, powerState, taskState, commands: instance.commands.toSorted(), attempt };
      return isDeepStrictEqual(seen, wanted) ? true : undefined;
    };
    await eventually(isSeen, 5_000).catch(() => {
      throw new Error(`a client sees ${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`);
    });
    const forbidden = instanceSpecification.events.filter(
      (event) => event.startsWith('client: ') && !instanceSpecification.isKnown(state, event),
    );
    for (const event of forbidden) {
      const code = await this.#command(event.slice('client: '.length)).then(
        () => 'accepted',
        (error) => toFailure(error).code,
      );
      if (code !== 'conflict') throw new Error(`what is forbidden in ${state}, ${event}, is answered with ${code}`);
    }
  }
}

function endingOf(what: string): Ending {
  if (what.startsWith('fails')) return { failure: refusal(what) };
  return what.startsWith('finds ') ? { answer: what.slice('finds '.length) } : 'work';
}

function refusal(what: string): Failure {
  const disposition = what.includes('elsewhere') ? 'reschedule' : 'abort';
  return { code: 'hypervisor_error', message: 'the path says so', disposition };
}
