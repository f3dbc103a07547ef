/**
 * Runs paths of the instance specification against the whole system: an instance of its own, in a zone of its own, whose
 * hosts are started as the scheduler is to find them. The system has to tell of each state that the specification goes
 * through, in order and with its words; and wherever a client or a guest acts, every command that is forbidden there is
 * given too, and has to be refused.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Failure, toFailure } from '../../machines/failure.ts';
import type { ReportedPowerState } from '../../machines/instance.ts';
import type { InstanceView } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import { addDownZone } from '../support/down-zone.ts';
import { eventually, imageName } from '../support/test-cloud.ts';
import { type ConductedCloud, flavors } from './conducted-cloud.ts';
import { ConductedHost } from './conducted-host.ts';
import type { Conductor, Ending } from './conductor.ts';
import { Hearing } from './hearing.ts';
import {
  allowedCommands,
  type InstanceFacts,
  instanceSpecification,
  otherFlavor,
  visibleOf,
} from './instance-specification.ts';
import { PathFailed } from './on-chart.ts';
import type { Path } from './paths.ts';
import { type Specified, statesAlong } from './specification.ts';
import { isOfControl, isOnLostHost, isSteerable, isTimeUp, stepOf } from './steering.ts';

/** Names each path's zone. */
let paths = 0;

type State = Specified<InstanceFacts>;

export interface SystemRun {
  /** Whether every part is ended and started anew between any two events. */
  isRestarted?: boolean;
}

export async function runOnSystem(
  world: ConductedCloud,
  path: Path,
  { isRestarted = false }: SystemRun = {},
): Promise<void> {
  const run = new InstanceRun(world, path, isRestarted);
  await world.restarts.enter();
  try {
    await run.play();
  } catch (error) {
    throw error instanceof PathFailed ? error : new PathFailed(path, String(error));
  } finally {
    await run.end();
    world.restarts.leave();
  }
}

class InstanceRun {
  readonly #world: ConductedCloud;
  readonly #path: Path;
  readonly #isRestarted: boolean;
  readonly #zone = `zone-${++paths}`;
  readonly #conductor: Conductor;
  readonly #hearing = new Hearing();
  /** The one that the instance is on, or was last, comes last. */
  readonly #hosts: ConductedHost[] = [];
  /** From which the instance was evacuated. */
  #lostHost: ConductedHost | undefined;
  /** Where the specification stands before each event, and after the last. */
  readonly #states: State[];
  #uuid = '';

  constructor(world: ConductedCloud, path: Path, isRestarted: boolean) {
    this.#world = world;
    this.#path = path;
    this.#isRestarted = isRestarted;
    this.#conductor = world.conduct(this.#zone);
    this.#states = statesAlong(instanceSpecification, path);
  }

  async play(): Promise<void> {
    const { cloud, follow } = this.#world;
    await addDownZone(cloud.runtime, this.#zone);
    this.#conductor.await(this.#stepAt(0));
    const { instances } = await cloud.client.ask(api.instance.create, {
      name: this.#zone,
      image: imageName,
      flavor: flavors.first,
      availabilityZone: this.#zone,
    });
    this.#uuid = instances[0]?.uuid ?? '';
    follow(this.#uuid, ({ to, vmState, taskState }) => this.#hearing.tell({ state: to, vmState, taskState }));
    for (const [index, event] of this.#path.entries()) {
      try {
        await this.#happen(event, index);
      } catch (error) {
        throw new PathFailed(this.#path.slice(0, index + 1), error instanceof Error ? error.message : String(error));
      }
    }
    await this.#hearing.complete();
    await this.#look(this.#stateAt(this.#path.length));
  }

  async end(): Promise<void> {
    this.#conductor.end();
    const { cloud } = this.#world;
    // Whatever has come of it, it makes room for others.
    if (this.#uuid) {
      await cloud.client.ask(api.instance.delete, { uuid: this.#uuid }).catch(() => undefined);
      await cloud.until(this.#uuid, ({ state }) => state === 'deleted').catch(() => undefined);
    }
    for (const host of this.#hosts) await host.stop();
  }

  async #happen(event: string, index: number): Promise<void> {
    const before = this.#stateAt(index);
    const next = this.#stateAt(index + 1);
    const step = this.#stepAt(index + 1);
    const [actor = '', ...words] = event.split(' ');
    const what = words.join(' ');
    const isHeld = stepOf(before.state) !== undefined;
    if (isHeld) await this.#conductor.arrived();
    if (isSteerable(before.state)) {
      await this.#hearing.complete();
      if (this.#isRestarted) await this.#restart(before);
      this.#letTimePass(index + 1);
    }
    if (['client:', 'guest:', 'host:', 'owner:', 'operator:'].includes(actor)) {
      await this.#look(before);
      // Where the state is not left, its step is held on.
      const isLeft = next.state !== before.state || actor !== 'client:';
      const letGo = isLeft ? this.#conductor.expect(step) : undefined;
      if (actor === 'client:') await this.#command(what, before);
      else if (actor === 'operator:') await this.#evacuate();
      else await this.#befallHost(event, before);
      letGo?.();
    } else if (isHeld) {
      if (event === 'scheduler: host found') {
        await this.#startHost(index);
        this.#letTimePass(index + 1);
      }
      this.#conductor.goOn(endingOf(what), step);
    }
    if (next.state !== before.state) this.#want(next);
  }

  async #befallHost(event: string, { state, context }: State): Promise<void> {
    const host = this.#hosts.at(-1);
    const [actor, ...words] = event.split(' ');
    const powerState = words.join(' ') as ReportedPowerState;
    if (event === 'host: down') await host?.die();
    else if (actor !== 'guest:') host?.hypervisor.comeBack({ isRebooted: event === 'host: guest restarts' });
    else if (isOnLostHost(state, context)) await this.#returnToLostHost(powerState);
    else await host?.hypervisor.report(this.#uuid, powerState);
  }

  #stateAt(index: number): State {
    const state = this.#states[index];
    if (!state) throw new Error(`the specification does not know ${this.#path[index - 1]} here`);
    return state;
  }

  /** The step that is awaited before an event; of a state that goes on by itself, that of the one after. */
  #stepAt(index: number): string | undefined {
    const { state } = this.#stateAt(index);
    return isSteerable(state) || index >= this.#path.length ? stepOf(state) : this.#stepAt(index + 1);
  }

  /** Says of the effects that follow by themselves whether they are to run out of time. */
  #letTimePass(from: number): void {
    const passing: boolean[] = [];
    for (let index = from; index < this.#path.length && !isSteerable(this.#stateAt(index).state); index++) {
      passing.push(isTimeUp(this.#path[index] ?? ''));
    }
    this.#hosts.at(-1)?.clock.letPass(passing);
  }

  async #command(what: string, { context }: State): Promise<InstanceView> {
    const { client } = this.#world.cloud;
    const uuid = this.#uuid;
    const [verb = '', how] = what.split(' ');
    switch (verb) {
      case 'reboot':
        return (await client.ask(api.instance.reboot, { uuid, how: how as 'soft' | 'hard' })).instance;
      case 'rebuild':
        return (await client.ask(api.instance.rebuild, { uuid })).instance;
      case 'resize':
        return (await client.ask(api.instance.resize, { uuid, flavor: flavors[otherFlavor(context.flavor)] })).instance;
      case 'confirm-resize':
        return (await client.ask(api.instance.confirmResize, { uuid })).instance;
      case 'revert-resize':
        return (await client.ask(api.instance.revertResize, { uuid })).instance;
      default:
        return (await client.ask(api.instance[verb as 'start'], { uuid })).instance;
    }
  }

  async #startHost(index: number): Promise<void> {
    const claim = this.#path.slice(index).find((event) => event.startsWith('claimResources'));
    const host = new ConductedHost(this.#world, this.#conductor, {
      name: `${this.#zone}-${this.#hosts.length}`,
      zone: this.#zone,
      isFull: claim?.includes('fails') ?? false,
    });
    this.#hosts.push(host);
    await host.start();
  }

  /** Its host is lost, and those that were tried before are not to be chosen. */
  async #evacuate(): Promise<void> {
    const { client } = this.#world.cloud;
    this.#lostHost = this.#hosts.at(-1);
    await this.#lostHost?.die();
    for (const { name } of this.#hosts) await client.ask(api.host.disable, { host: name, reason: 'the path says so' });
    await client.ask(api.instance.evacuate, { uuid: this.#uuid });
  }

  /** The host that was lost is there again, with its guest. */
  async #returnToLostHost(powerState: ReportedPowerState): Promise<void> {
    if (!this.#lostHost) throw new Error('no host was lost');
    this.#hosts.push(this.#lostHost);
    await this.#lostHost.comeBack(this.#uuid, powerState);
  }

  /** Every part; but not the host where its restart alone makes the chart look, or try again, or it has no instance. */
  async #restart({ state }: State): Promise<void> {
    const host = this.#hosts.at(-1);
    const isLooking = /^(failed\.powering|failed\.releasing|resized\.(lost|confirmed))$/.test(state);
    if (host && !isOfControl(state) && !isLooking) {
      const stopped = host.stop();
      await this.#conductor.left();
      this.#conductor.await(stepOf(state));
      await stopped;
      await host.start();
    } else if (isOfControl(state)) {
      this.#conductor.abandon();
    }
    await this.#world.restarts.meet();
    if (stepOf(state)) await this.#conductor.arrived();
  }

  #want({ state, context }: State): void {
    const { vmState, taskState } = visibleOf(state, context);
    this.#hearing.want({ state, vmState, taskState });
  }

  /** What a client sees, and that it is refused what is forbidden. A state that goes on by itself is not looked at. */
  async #look(specified: State): Promise<void> {
    const { state, context } = specified;
    if (!isSteerable(state)) return;
    const { client } = this.#world.cloud;
    const isLost = isOnLostHost(state, context);
    const commands = isLost ? ['delete', 'evacuate'] : allowedCommands(state);
    const wanted = { state, ...visibleOf(state, context), commands, attempt: context.attempt };
    let seen: object = {};
    const isSeen = async () => {
      seen = seenOf((await client.ask(api.instance.get, { uuid: this.#uuid })).instance);
      return isDeepStrictEqual(seen, wanted) ? true : undefined;
    };
    await eventually(isSeen).catch(() => {
      throw new Error(`a client sees ${JSON.stringify(seen)}, not ${JSON.stringify(wanted)}`);
    });
    const forbidden = instanceSpecification.events.filter(
      (event) => event.startsWith('client: ') && !instanceSpecification.isKnown(state, event),
    );
    for (const event of forbidden) {
      const code = await this.#command(event.slice('client: '.length), specified).then(
        () => 'accepted',
        (error) => toFailure(error).code,
      );
      if (code !== 'conflict') throw new Error(`what is forbidden in ${state}, ${event}, is answered with ${code}`);
    }
  }
}

function seenOf({
  state,
  vmState,
  powerState,
  taskState,
  flavor,
  previousFlavor,
  fault,
  commands,
  attempt,
}: InstanceView) {
  return {
    state,
    vmState,
    powerState,
    flavor: nameOf(flavor),
    earlierFlavor: previousFlavor && nameOf(previousFlavor),
    fault: fault?.step,
    taskState,
    commands: commands.toSorted(),
    attempt,
  };
}

function nameOf({ name }: { name: string }): string | undefined {
  return Object.entries(flavors).find(([, each]) => each === name)?.[0];
}

function endingOf(what: string): Ending {
  if (what.startsWith('fails')) return { failure: refusal(what) };
  return what.startsWith('finds ') ? { answer: what.slice('finds '.length) } : 'work';
}

function refusal(what: string): Failure {
  const disposition = what.includes('elsewhere') ? 'reschedule' : 'abort';
  return { code: 'hypervisor_error', message: 'the path says so', disposition };
}
