/** What a client sees of each state of the instance chart, in Nova's words, and what it may command there. */
import { describe, expect, it } from 'vitest';
import { instanceMachine } from '../../machines/instance.ts';
import {
  commandsIn,
  holdsShare,
  isGivingBack,
  isJustPlaced,
  isUnclaimed,
  statePath,
  unborn,
  type VisibleStates,
  visibleStates,
} from '../../machines/instance-states.ts';
import { exploreInstance } from './instance-territory.ts';
import { leavesOf } from './support.ts';

/** `as before`: the state says nothing of it, so it stays what it was. */
const table = `
state                            | vm state  | task state           | power     | commands
scheduling                       | building  | scheduling           | as before | delete
building.checking                | building  | -                    | as before | delete
building.claiming                | building  | -                    | as before | delete
networking                       | building  | networking           | as before | delete
mapping                          | building  | block_device_mapping | as before | delete
spawning.preparingFilter         | building  | spawning             | as before | delete
spawning.creatingDisks           | building  | spawning             | as before | delete
spawning.creatingDomain          | building  | spawning             | as before | delete
spawning.enablingHairpin         | building  | spawning             | as before | delete
spawning.applyingFilter          | building  | spawning             | as before | delete
spawning.waitingForBoot          | building  | spawning             | as before | delete
running                          | active    | -                    | running   | stop reboot pause suspend rebuild resize delete
stopping                         | active    | powering-off         | as before | delete
stopped                          | stopped   | -                    | shutdown  | start reboot rebuild resize delete
starting                         | stopped   | powering-on          | as before | delete
rebooting.softly                 | active    | rebooting            | as before | delete
rebooting.hard                   | active    | rebooting_hard       | as before | delete
pausing                          | active    | pausing              | as before | delete
paused                           | paused    | -                    | paused    | reboot unpause delete
unpausing                        | paused    | unpausing            | as before | delete
suspending                       | active    | suspending           | as before | delete
suspended                        | suspended | -                    | suspended | reboot resume delete
resuming                         | suspended | resuming             | as before | delete
rebuilding.destroyingDomain      | as before | rebuilding           | as before | delete
rebuilding.removingDisks         | as before | rebuilding           | as before | delete
rebuilding.creatingDisks         | as before | rebuild_spawning     | as before | delete
rebuilding.definingDomain        | as before | rebuild_spawning     | as before | delete
resizing.claiming                | as before | resize_prep          | as before | delete
resizing.stoppingGuest           | as before | resize_prep          | as before | delete
resizing.resizingDisks           | as before | resize_migrating     | as before | delete
resizing.definingDomain          | as before | resize_finish        | as before | delete
resizing.startingGuest           | as before | resize_finish        | as before | delete
resized.running                  | resized   | -                    | running   | confirm-resize revert-resize delete
resized.stopped                  | resized   | -                    | shutdown  | confirm-resize revert-resize delete
resized.paused                   | resized   | -                    | paused    | confirm-resize revert-resize delete
resized.suspended                | resized   | -                    | suspended | confirm-resize revert-resize delete
resized.starting                 | resized   | powering-on          | as before | delete
resized.inspecting               | resized   | inspecting           | as before | delete
resized.lost                     | resized   | -                    | nostate   | confirm-resize revert-resize delete
resized.confirmed                | resized   | -                    | as before | confirm-resize delete
confirming                       | resized   | resize_confirming    | as before | delete
reverting.destroyingDomain       | as before | resize_reverting     | as before | delete
reverting.restoringDisks         | as before | resize_reverting     | as before | delete
reverting.definingDomain         | as before | resize_reverting     | as before | delete
evacuating.leaving               | as before | rebuilding           | as before | delete
evacuating.scheduling            | as before | rebuilding           | as before | delete
evacuating.claiming              | as before | rebuilding           | as before | delete
evacuating.networking            | as before | rebuilding           | as before | delete
evacuating.creatingDisks         | as before | rebuilding           | as before | delete
evacuating.definingDomain        | as before | rebuilding           | as before | delete
evacuating.destroyingDomain      | as before | rebuilding           | as before | delete
evacuating.removingDisks         | as before | rebuilding           | as before | delete
evacuating.releasingClaim        | as before | rebuilding           | as before | delete
evacuating.returning             | as before | rebuilding           | as before | delete
inspecting                       | as before | inspecting           | as before | delete
releasing.destroyingDomain       | as before | releasing            | as before | delete
releasing.removingFilter         | as before | releasing            | as before | delete
releasing.removingDisks          | as before | releasing            | as before | delete
releasing.unmappingBlockDevices  | as before | releasing            | as before | delete
releasing.releasingNetwork       | as before | releasing            | as before | delete
releasing.releasingClaim         | as before | releasing            | as before | delete
reclaiming                       | as before | releasing            | as before | delete
deleted                          | deleted   | -                    | nostate   | -
failed.scheduling                | error     | -                    | as before | delete
failed.building                  | error     | -                    | as before | delete
failed.networking                | error     | -                    | as before | delete
failed.mapping                   | error     | -                    | as before | delete
failed.spawning                  | error     | -                    | as before | delete
failed.powering                  | error     | -                    | nostate   | start stop reboot rebuild delete
failed.resizing                  | error     | -                    | nostate   | revert-resize delete
failed.releasing                 | error     | -                    | as before | delete
failed.reclaiming                | error     | -                    | as before | delete
`;

interface Row {
  path: string;
  vmState: string;
  taskState: string;
  powerState: string;
  commands: string;
}

const rows = table
  .trim()
  .split('\n')
  .slice(1)
  .map((line): Row => {
    const [path = '', vmState = '', taskState = '', powerState = '', commands = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    return { path, vmState, taskState, powerState, commands };
  });

const before: Pick<VisibleStates, 'vmState' | 'powerState'> = { vmState: 'suspended', powerState: 'crashed' };
const keeping = { isDeleteWanted: false };
const { nodes, edges } = exploreInstance();

it('lists every state of the chart', () => {
  expect(rows.map(({ path }) => path).sort()).toEqual(leavesOf(instanceMachine).sort());
});

describe.each(rows)('$path', ({ path, vmState, taskState, powerState, commands }) => {
  it(`is seen as ${vmState}, ${taskState}, ${powerState}`, () => {
    expect(visibleStates(path, keeping, before)).toEqual({
      vmState: vmState === 'as before' ? before.vmState : vmState,
      ...(taskState !== '-' && { taskState }),
      powerState: powerState === 'as before' ? before.powerState : powerState,
    });
  });

  it(`accepts ${commands}`, () => {
    expect(commandsIn(path)).toEqual(commands === '-' ? [] : commands.split(' '));
  });
});

it('a deleted instance accepts nothing', () => {
  expect(commandsIn('deleted')).toEqual([]);
});

it('a release is a deletion to whoever asked for one', () => {
  const seen = visibleStates('releasing.removingDisks', { isDeleteWanted: true }, before);
  expect(seen).toEqual({ vmState: 'suspended', taskState: 'deleting', powerState: 'crashed' });
});

it('a new instance is building, and nothing is known of its power', () => {
  expect(visibleStates('scheduling', keeping, unborn)).toEqual({
    vmState: 'building',
    taskState: 'scheduling',
    powerState: 'nostate',
  });
});

it('an instance is just placed where the answer of the scheduler leads, and nowhere else', () => {
  const placed = edges.filter(({ label }) => label === 'instance.scheduled').map(({ to }) => statePath(to.value));
  const paths = new Set(nodes.map(({ value }) => statePath(value)));
  expect([...paths].filter(isJustPlaced).sort()).toEqual([...new Set(placed)].sort());
});

it('an instance holds no share of a host where it has given everything back, and of a state that is not known it may', () => {
  const shareless = nodes.filter(({ value }) => !holdsShare(statePath(value)));
  expect(shareless.length).toBeGreaterThan(0);
  for (const { world } of shareless) expect(world).not.toContain('claim');
  expect([holdsShare('of a later release'), holdsShare('failed.of a later release')]).toEqual([true, true]);
});

it('an instance has the ports that its record names, but where it may have given them back', () => {
  const named = nodes.filter(({ persisted }) => JSON.parse(persisted).context.ports.length > 0);
  const certain = named.filter(({ value }) => !isGivingBack(statePath(value)));
  expect(certain.length).toBeGreaterThan(0);
  for (const { world } of certain) expect(world).toContain('ports');
  const givingBack = edges.filter(({ label }) => label.startsWith('releaseNetwork'));
  for (const { from, to, label } of givingBack) {
    expect(isGivingBack(statePath(from.value))).toBe(true);
    // It may have done its work all the same.
    if (label !== 'releaseNetwork done') expect(isGivingBack(statePath(to.value))).toBe(true);
  }
  expect(isGivingBack('evacuating.releasingClaim')).toBe(false);
});

it('an instance is unclaimed where its host has nothing set aside for it yet', () => {
  const unclaimed = nodes.filter(({ value }) => isUnclaimed(statePath(value)));
  expect(unclaimed.length).toBeGreaterThan(0);
  for (const { world } of unclaimed) expect(world).not.toContain('claim');
  const begun = nodes.filter(({ value }) =>
    /^(networking|spawning|running|evacuating\.networking)/.test(statePath(value)),
  );
  for (const { value, world } of begun) {
    expect(isUnclaimed(statePath(value))).toBe(false);
    expect(world).toContain('claim');
  }
});

it('joins the names of nested states by dots', () => {
  expect(statePath('running')).toBe('running');
  expect(statePath({ spawning: 'creatingDisks' })).toBe('spawning.creatingDisks');
});
