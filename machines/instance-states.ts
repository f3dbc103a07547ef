/** What a state of the instance chart means to a client: Nova's states, and the commands that it accepts. */
import type { AnyStateNode, StateValue } from 'xstate';
import {
  type InstanceContext,
  type InstanceEvent,
  type InstanceMeta,
  type InstanceTag,
  instanceMachine,
  type PowerState,
} from './instance.ts';

/** The state as one dotted word: `spawning.creatingDisks`. Of what is no state, as another release may have it: any word. */
export function statePath(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [[parent, child] = ['', undefined]] = Object.entries(value ?? {});
  return child === undefined ? parent : `${parent}.${statePath(child)}`;
}

/** The state as XState has it. */
function stateValue(path: string): StateValue {
  const [state = '', ...ancestors] = path.split('.').reverse();
  return ancestors.reduce<StateValue>((value, ancestor) => ({ [ancestor]: value }), state);
}

export interface VisibleStates {
  vmState: NonNullable<InstanceMeta['vmState']>;
  taskState?: string;
  powerState: PowerState;
}

/** Nova's states for where the chart stands; what a state does not say stays as it was. */
export function visibleStates(
  path: string,
  { isDeleteWanted }: Pick<InstanceContext, 'isDeleteWanted'>,
  before: Pick<VisibleStates, 'vmState' | 'powerState'>,
): VisibleStates {
  const meta = metaOf(path);
  const taskState = meta.taskState === 'releasing' && isDeleteWanted ? 'deleting' : meta.taskState;
  return {
    vmState: meta.vmState ?? before.vmState,
    ...(taskState && { taskState }),
    powerState: path === 'deleted' ? 'nostate' : (meta.powerState ?? before.powerState),
  };
}

/** What the states of an instance are before its chart has begun. */
export const unborn: VisibleStates = { vmState: 'building', powerState: 'nostate' };

/** As they are called in requests. */
export const instanceCommands = [
  'start',
  'stop',
  'reboot',
  'pause',
  'unpause',
  'suspend',
  'resume',
  'rebuild',
  'resize',
  'confirm-resize',
  'revert-resize',
  'delete',
] as const;
export type InstanceCommandName = (typeof instanceCommands)[number];
/** What an instance may be told: to be evacuated only by administrators, and only while its host is down. */
export type AnyCommandName = InstanceCommandName | 'evacuate';

/** The commands that the chart accepts in a state. */
export function commandsIn(path: string): readonly InstanceCommandName[] {
  let commands = acceptedCommands.get(path);
  if (!commands) {
    const snapshot = instanceMachine.resolveState({ value: stateValue(path), context: anyContext });
    const isOver = snapshot.status === 'done';
    commands = isOver ? [] : instanceCommands.filter((name) => eventsOf(name).some((event) => snapshot.can(event)));
    acceptedCommands.set(path, commands);
  }
  return commands;
}

/**
 * As `commandsIn`, of an instance whose host is down: nobody is there who could do anything else. Whether it has a guest
 * that could go on elsewhere its state alone does not tell.
 */
export function commandsWithoutHost(path: string, context: InstanceContext): readonly AnyCommandName[] {
  const snapshot = instanceMachine.resolveState({ value: stateValue(path), context });
  const lost = { code: 'host_down', message: '', disposition: 'reschedule' } as const;
  const canEvacuate = snapshot.can({ type: 'instance.evacuate', failure: lost, at: 0 });
  const rest = commandsIn(path).filter((name) => name === 'delete');
  return canEvacuate ? ['evacuate', ...rest] : rest;
}

const acceptedCommands = new Map<string, readonly InstanceCommandName[]>();

/** Which commands are accepted depends on the state alone, so any context will do to find out. */
const anyContext: InstanceContext = {
  uuid: '',
  maxAttempts: 1,
  attempt: 1,
  tried: [],
  ports: [],
  isDeleteWanted: false,
};

const anyFlavor = { id: '', name: '', vcpus: 1, memoryMb: 1, rootGb: 0 };

function eventsOf(name: InstanceCommandName): InstanceEvent[] {
  switch (name) {
    case 'reboot':
      return [
        { type: 'instance.reboot', how: 'soft', at: 0 },
        { type: 'instance.reboot', how: 'hard', at: 0 },
      ];
    case 'rebuild':
      return [{ type: 'instance.rebuild', imageId: '', at: 0 }];
    case 'resize':
      return [{ type: 'instance.resize', flavor: anyFlavor, at: 0 }];
    default:
      return [{ type: `instance.${name}`, at: 0 }];
  }
}

/** Whether the chart has such a state: what is told of an instance may come from another release, or from anybody. */
export function isState(path: string): boolean {
  return nodesOf(path).length === path.split('.').length;
}

/** Whether nothing is under way in a state: the instance stays there until somebody asks, or something happens to it. */
export function isAtRest(path: string): boolean {
  return nodesOf(path).every(({ invoke }) => invoke.length === 0);
}

/** Whether an instance rests there only until its owner tries once more to give back what it could not. */
export function isTriedAgain(path: string): boolean {
  return nodesOf(path).some(({ transitions }) => transitions.has('release.retry'));
}

/** The names of the effects that run in a state. */
export function effectsOf(path: string): string[] {
  return nodesOf(path).flatMap(({ invoke }) => invoke.map(({ src }) => String(src)));
}

/** Whether the control plane has an instance in this state, whichever host it is of. */
export function isOfControl(path: string): boolean {
  return hasTag(path, 'control');
}

/** Whether the scheduler is to choose a host in a state. */
export function isPlacing(path: string): boolean {
  return hasTag(path, 'placing');
}

/** Where an instance stands that has been placed, and that its host has not begun with. */
export function isJustPlaced(path: string): boolean {
  return hasTag(path, 'placed');
}

/** Whether its host has yet to find out whether it has room for an instance in this state. */
export function isUnclaimed(path: string): boolean {
  return hasTag(path, 'unclaimed');
}

/** Whether a host that has an instance in this state has no guest of it yet, or none any more. */
export function isGuestless(path: string): boolean {
  return hasTag(path, 'guestless');
}

/** Whether an instance in this state may have given back what its record says that it has. */
export function isGivingBack(path: string): boolean {
  return hasTag(path, 'givingBack');
}

/** Whether an instance in this state holds a share of its host. Of a state that is not known it counts as holding. */
export function holdsShare(path: string): boolean {
  return !hasTag(path, 'shareless');
}

/** Whether an instance in this state keeps the ports that it is given. */
export function keepsPorts(path: string): boolean {
  return holdsShare(path) && !isGivingBack(path);
}

function hasTag(path: string, tag: InstanceTag): boolean {
  return nodesOf(path).some(({ tags }) => tags.includes(tag));
}

function metaOf(path: string): InstanceMeta {
  let meta = metaByPath.get(path);
  if (!meta) {
    meta = Object.assign({}, ...nodesOf(path).map((node) => node.meta)) as InstanceMeta;
    metaByPath.set(path, meta);
  }
  return meta;
}

const metaByPath = new Map<string, InstanceMeta>();

/** The states that one is in, from the outermost; none beneath one that is not known. */
function nodesOf(path: string): readonly AnyStateNode[] {
  const known = nodesByPath.get(path);
  if (known) return known;
  const names = path.split('.');
  const nodes: AnyStateNode[] = [];
  let node: AnyStateNode | undefined = instanceMachine.root;
  for (const name of names) {
    node = node && Object.hasOwn(node.states, name) ? node.states[name] : undefined;
    if (node) nodes.push(node);
  }
  // Only of states that there are: of others anybody may tell as many as they like.
  if (nodes.length === names.length) nodesByPath.set(path, nodes);
  return nodes;
}

const nodesByPath = new Map<string, readonly AnyStateNode[]>();
