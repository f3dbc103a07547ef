/** A failure story: a host is given a command a second time, or when its instance has moved on. */
import { beforeEach, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { computeCasts, type InstanceCommand } from '../../transport/messages/internal.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { castForReceipt, type Receipt } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { type RecoveryCloud, startRecoveryCloud } from './support.ts';

let story: RecoveryCloud;
let uuid: string;
beforeEach(async () => {
  story = await startRecoveryCloud();
  uuid = await story.launch();
});

const ids = ['first', 'second'].map((_, index) => `6f9619ff-8b86-4d01-b42d-00cf4fc9640${index}`) as [string, string];
const [first, second] = ids;
const now = (type: 'instance.start' | 'instance.stop' | 'instance.delete'): InstanceCommand => ({
  type,
  at: Date.now(),
});
const reboot = (): InstanceCommand => ({ type: 'instance.reboot', how: 'hard', at: Date.now() });

/** As another delivery of the same command: the work queue would take the same message for one. */
async function give(
  id: string,
  command: InstanceCommand,
  stood: { from?: string; after?: string } = { from: 'running' },
): Promise<Receipt | undefined> {
  const { bus, chance } = story.cloud.runtime;
  const kind = computeCasts.commandInstance;
  const body = { uuid, id, command, ...stood };
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
  await give(second, reboot(), { from: 'running', after: first });
  await running();
  expect(await give(first, reboot())).toEqual(refused);
  expect(await boots()).toBe(3);
  expect((await running()).state).toBe('running');
});

it('refused in the state that it was asked for in, it is refused in every other one too', async () => {
  const { hypervisor, cloud } = story;
  const refused = (message: string) => ({
    failure: expect.objectContaining({ code: 'conflict', message: expect.stringContaining(message) }),
  });
  expect(await give(first, now('instance.start'))).toEqual(refused('is running'));
  hypervisor.shutDownGuest(uuid);
  await cloud.until(uuid, ({ state }) => state === 'stopped');
  expect(await give(first, now('instance.start'))).toEqual(refused('has moved on'));
  expect((await cloud.client.ask(api.instance.get, { uuid })).instance.state).toBe('stopped');
});

it('told without the state that it was asked for in, it is refused, and is no dead letter', async () => {
  expect(await give(first, reboot(), {})).toEqual({
    failure: expect.objectContaining({ code: 'conflict', disposition: 'retry' }),
  });
  expect(await boots()).toBe(1);
});

it('a deletion is right whenever it comes', async () => {
  await give(first, reboot());
  await running();
  expect(await give(second, now('instance.delete'))).toEqual({ revision: expect.any(Number) });
  await story.cloud.until(uuid, ({ state }) => state === 'deleted');
  expect(await give(second, now('instance.delete'))).toEqual({ revision: expect.any(Number) });
});
