/** A failure story: a host is given a command a second time, or when its instance has moved on. */
import { beforeEach, expect, it } from 'vitest';
import type { CommandKey } from '../../actors/instance/owner.ts';
import { api } from '../../transport/messages/api.ts';
import { computeCasts, type InstanceCommand } from '../../transport/messages/internal.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { castForReceipt, type Receipt } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { type RecoveryCloud, startRecoveryCloud } from './support.ts';

let story: RecoveryCloud;
let uuid: string;
beforeEach(async () => {
  story = await startRecoveryCloud({ lostGuests: 'restart' });
  uuid = await story.launch();
});

const ids = ['first', 'second'].map((_, index) => `6f9619ff-8b86-4d01-b42d-00cf4fc9640${index}`) as [string, string];
const [first, second] = ids;
const now = (type: 'instance.start' | 'instance.stop' | 'instance.delete'): InstanceCommand => ({
  type,
  at: Date.now(),
});
const reboot = (): InstanceCommand => ({ type: 'instance.reboot', how: 'hard', at: Date.now() });

type Stood = Pick<CommandKey, 'from' | 'steps' | 'after'>;

/** As one that is asked of an instance that is running, and was given no command yet. */
async function ofRunning() {
  const record = await (await story.cloud.runtime.store.bucket('instance')).get(uuid);
  return { from: 'running', steps: record?.value.steps ?? 0 };
}

/** As another delivery of the same command: the work queue would take the same message for one. */
async function give(id: string, command: InstanceCommand, stood?: Stood): Promise<Receipt | undefined> {
  const { bus, chance } = story.cloud.runtime;
  const kind = computeCasts.commandInstance;
  const body = { uuid, id, command, ...(stood ?? (await ofRunning())) };
  const options = { id: chance.uuid(), context: newContext(), waitMs: 5_000 };
  return castForReceipt(bus, subjects.computeCast('host1', kind.name), kind, body, options);
}

const running = () => story.cloud.until(uuid, ({ state }) => state === 'running');
const boots = async () => (await story.hypervisor.consoleLog(uuid, 65_536)).match(/: ready/g)?.length;

it('done once, it is answered the second time as it was the first', async () => {
  expect(await give(first, reboot())).toEqual({ revision: expect.any(Number) });
  await running();
  expect(await give(first, reboot())).toEqual({ revision: expect.any(Number) });
  expect(await boots()).toBe(2);
});

it('and so it is by a process that has begun since then', async () => {
  await give(first, reboot());
  await running();
  await story.stopHost();
  await story.startHost();
  expect(await give(first, reboot())).toEqual({ revision: expect.any(Number) });
  expect(await boots()).toBe(2);
});

it('too late for a command that was taken meanwhile, it is refused, and does nothing', async () => {
  await give(first, reboot());
  await running();
  const refused = { failure: expect.objectContaining({ code: 'conflict', disposition: 'retry' }) };
  expect(await give(second, now('instance.stop'))).toEqual(refused);
  await give(second, reboot(), { ...(await ofRunning()), after: first });
  await running();
  expect(await give(first, reboot())).toEqual(refused);
  expect(await boots()).toBe(3);
  expect((await running()).state).toBe('running');
});

const refused = (message: string) => ({
  failure: expect.objectContaining({ code: 'conflict', message: expect.stringContaining(message) }),
});

it('refused in the state that it was asked for in, it is refused in every other one too', async () => {
  const { hypervisor, cloud } = story;
  expect(await give(first, now('instance.start'))).toEqual(refused('is running'));
  hypervisor.shutDownGuest(uuid);
  await cloud.until(uuid, ({ state }) => state === 'stopped');
  expect(await give(first, now('instance.start'))).toEqual(refused('has moved on'));
  expect((await cloud.client.ask(api.instance.get, { uuid })).instance.state).toBe('stopped');
});

it('nor is it taken when the instance has left that state, and is back in it', async () => {
  const { hypervisor, cloud, instanceFacts, told } = story;
  const before = await ofRunning();
  hypervisor.loseGuest(uuid);
  await told(instanceFacts, { uuid, from: 'starting', to: 'running' });
  await running();
  expect(await give(first, now('instance.stop'), before)).toEqual(refused('has moved on'));
  expect((await cloud.client.ask(api.instance.get, { uuid })).instance.state).toBe('running');
  expect(await give(first, now('instance.stop'))).toEqual({ revision: expect.any(Number) });
});

it('what a client has edited, before or since, keeps it from nothing', async () => {
  const rename = (name: string) => story.cloud.client.ask(api.instance.update, { uuid, name });
  await rename('before');
  const stood = await ofRunning();
  await rename('since');
  expect(await give(first, reboot(), stood)).toEqual({ revision: expect.any(Number) });
  expect((await running()).name).toBe('since');
});

it('and so it is for a process that has taken the instance up with the edit', async () => {
  const stood = await ofRunning();
  await story.cloud.client.ask(api.instance.update, { uuid, name: 'renamed' });
  await story.stopHost();
  await story.startHost();
  expect(await give(first, reboot(), stood)).toEqual({ revision: expect.any(Number) });
  expect((await running()).name).toBe('renamed');
});

it('told without the state that it was asked for in, or the steps, it is refused, and is no dead letter', async () => {
  const { from, steps } = await ofRunning();
  const late = { failure: expect.objectContaining({ code: 'conflict', disposition: 'retry' }) };
  const untold: Stood[] = [{}, { from }, { steps }];
  for (const stood of untold) expect(await give(first, reboot(), stood)).toEqual(late);
  expect(await boots()).toBe(1);
});

it('a deletion is right whenever it comes', async () => {
  await give(first, reboot());
  await running();
  expect(await give(second, now('instance.delete'))).toEqual({ revision: expect.any(Number) });
  await story.cloud.until(uuid, ({ state }) => state === 'deleted');
  expect(await give(second, now('instance.delete'))).toEqual({ revision: expect.any(Number) });
});
