/** Casts that could not be applied, as an operator finds them, sends them again, and throws them away. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { type AlarmFact, computeCasts } from '../../transport/messages/internal.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { enqueue } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { failureOf } from '../transport/support.ts';

let cloud: TestCloud;
const alarms: AlarmFact[] = [];
beforeAll(async () => {
  cloud = await startTestCloud();
  cloud.client.followAlarms((alarm) => alarms.push(alarm));
});
afterAll(() => cloud.stop());

const subject = subjects.computeCast('host1', computeCasts.commandInstance.name);

/** Casts to the host what it cannot read. Resolves with the dead letter that becomes of it. */
async function poison(payload: string | Uint8Array) {
  const id = cloud.runtime.chance.uuid();
  const context = newContext();
  await enqueue(cloud.runtime.bus, subject, payload, { id, context });
  return eventually(async () => {
    const { deadLetters } = await cloud.client.ask(api.deadLetter.list, {});
    const found = deadLetters.find(({ requestId }) => requestId === context.requestId);
    return found && (await cloud.client.ask(api.deadLetter.get, { id: found.id })).deadLetter;
  });
}

it('is listed, with what it said and why it could not be applied, and told as an alarm', async () => {
  const letter = await poison('{"uuid":"nobody"}');
  expect(letter).toMatchObject({
    cast: 'command_instance',
    consumer: 'compute-host1',
    subject,
    deliveries: 1,
    failure: { code: 'invalid_request' },
    body: { uuid: 'nobody' },
  });
  const alarm = await eventually(() => alarms.find(({ deadLetter }) => deadLetter === letter.id));
  expect(alarm).toMatchObject({ kind: 'dead-letter', message: expect.stringContaining('command_instance') });
});

it('keeps the bytes of what is no JSON', async () => {
  const { bytes, body } = await poison(new Uint8Array([0xff, 0x00, 0x7b]));
  expect(body).toBeUndefined();
  expect([...Buffer.from(bytes ?? '', 'base64')]).toEqual([0xff, 0x00, 0x7b]);
});

it('goes to its consumer again when it is replayed, and is forgotten', async () => {
  const { id } = await poison('{"uuid":"somebody"}');
  await cloud.client.ask(api.deadLetter.replay, { id });
  expect(await failureOf(cloud.client.ask(api.deadLetter.get, { id }))).toMatchObject({ code: 'not_found' });
  expect(await failureOf(cloud.client.ask(api.deadLetter.replay, { id }))).toMatchObject({ code: 'not_found' });
  // It cannot be applied this time either.
  const again = await eventually(async () => {
    const { deadLetters } = await cloud.client.ask(api.deadLetter.list, {});
    const details = await Promise.all(deadLetters.map((each) => cloud.client.ask(api.deadLetter.get, { id: each.id })));
    return details.find(({ deadLetter: { messageId } }) => messageId?.startsWith(`replay-${id}-`));
  });
  expect(again.deadLetter.body).toEqual({ uuid: 'somebody' });
});

it('is one more cast, however many replay it at the same time', async () => {
  const { id } = await poison('{"uuid":"twice"}');
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => cloud.client.ask(api.deadLetter.replay, { id })));
  expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
  const of = async () => {
    const { deadLetters } = await cloud.client.ask(api.deadLetter.list, {});
    const all = await Promise.all(deadLetters.map((each) => cloud.client.ask(api.deadLetter.get, { id: each.id })));
    return all.filter(({ deadLetter: { messageId } }) => messageId?.startsWith(`replay-${id}-`));
  };
  await eventually(async () => ((await of()).length > 0 ? true : undefined));
  // What comes after it in the queue has been through: no second one is on its way.
  await poison('{"uuid":"after it"}');
  expect(await of()).toHaveLength(1);
});

it('is not replayed to anybody but its consumer: who reads casts may write letters, but not speak with a controller’s voice', async () => {
  const letters = await cloud.runtime.store.bucket('deadLetter');
  const { id } = await poison('{"uuid":"forged"}');
  const letter = (await letters.get(id))?.value;
  if (!letter) throw new Error('there is no such letter');
  for (const forged of [
    subjects.record('cloud_instance', 'somebody'),
    subjects.computeCall('host1', 'command_host'),
    subjects.alarm('dead-letter'),
    subjects.computeCasts('host1'),
    subjects.computeCast('host2', 'command_instance'),
    subjects.schedulerCast('run_instance'),
  ]) {
    await letters.put(id, { ...letter, subject: forged });
    expect(await failureOf(cloud.client.ask(api.deadLetter.replay, { id }))).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(forged),
    });
  }
  await cloud.client.ask(api.deadLetter.delete, { id });
});

it('is gone when it is deleted', async () => {
  const { id } = await poison('{');
  await cloud.client.ask(api.deadLetter.delete, { id });
  const { deadLetters } = await cloud.client.ask(api.deadLetter.list, {});
  expect(deadLetters.map((each) => each.id)).not.toContain(id);
});

it('comes in pages, oldest first', async () => {
  for (let count = 0; count < 3; count++) await poison(`{"uuid":"page ${count}"}`);
  const { deadLetters: all } = await cloud.client.ask(api.deadLetter.list, {});
  const { deadLetters: first } = await cloud.client.ask(api.deadLetter.list, { limit: 2 });
  const { deadLetters: rest } = await cloud.client.ask(api.deadLetter.list, { marker: first.at(-1)?.id ?? '' });
  expect([...first, ...rest]).toEqual(all);
  expect(all.map(({ queuedAt }) => queuedAt)).toEqual(all.map(({ queuedAt }) => queuedAt).toSorted());
});

it('is for administrators only', async () => {
  const { id } = await poison('{"uuid":"secret"}');
  const member = await cloud.createUser('demo');
  for (const asked of [
    member.ask(api.deadLetter.list, {}),
    member.ask(api.deadLetter.get, { id }),
    member.ask(api.deadLetter.replay, { id }),
    member.ask(api.deadLetter.delete, { id }),
  ]) {
    expect(await failureOf(asked)).toMatchObject({ code: 'forbidden' });
  }
});

it('is kept when a launch cannot be scheduled however often it is tried', async () => {
  const other = await startTestCloud({ maxDeliveries: 1 });
  try {
    const { runtime } = other;
    const alarm = Promise.withResolvers<AlarmFact>();
    other.client.followAlarms(alarm.resolve);
    // Of a launch that nobody can read, because its record is of another time.
    const subject = subjects.schedulerCast('run_instance_of_another_time');
    await enqueue(runtime.bus, subject, '{}', { id: 'one', context: newContext() });
    expect(await alarm.promise).toMatchObject({ kind: 'dead-letter', message: expect.stringContaining('no handler') });
    const { deadLetters } = await other.client.ask(api.deadLetter.list, {});
    expect(deadLetters).toMatchObject([{ consumer: 'scheduler', deliveries: 1, failure: { code: 'internal' } }]);
  } finally {
    await other.stop();
  }
});
