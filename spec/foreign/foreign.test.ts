/**
 * A client that knows only what the service says of itself: first it asks everything as it should, then as it should
 * not. What is random comes from a seed, which is printed, and settable: `KILONOVA_FOREIGN_SEED=… npm test -- spec/foreign`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api } from '../../transport/messages/api.ts';
import { buckets } from '../../transport/messages/records.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { Exercise, type Who } from './exercise.ts';
import { ForeignClient } from './foreign-client.ts';
import { Random } from './random.ts';
import { inBase64, secretMark } from './valid-values.ts';

const seed = Number(process.env.KILONOVA_FOREIGN_SEED ?? Date.now() % 1_000_000);
const rounds = 8;
/** Every run draws others. */
const mutationsEach = 40;
const roundMs = 60_000;
/** Records of what was made, and what the tests themselves remember. */
const heapGrowthBytes = 48 * 1024 * 1024;

let folder: string;
let cloud: TestCloud;
let client: ForeignClient;
let exercise: Exercise;
let who: Who;
const facts: string[] = [];

beforeAll(async () => {
  console.log(`seed ${seed}`);
  folder = await mkdtemp(join(tmpdir(), 'kilonova-foreign-'));
  cloud = await startTestCloud({ logFile: join(folder, 'log') });
  client = await ForeignClient.connect(cloud.url);
  client.connection.subscribe('cloud.fact.>', { callback: (_, message) => void facts.push(message.string()) });
  who = await whoAsks();
  exercise = new Exercise(client, who, new Random(seed), await whatIsKept());
});
afterAll(async () => {
  const { valid, invalid, unauthorized, slowestMs } = exercise.counts;
  console.log(`${valid} valid requests, ${invalid} broken ones, ${unauthorized} without the right to`);
  console.log(`the slowest answer took ${Math.round(slowestMs)} ms; seed ${seed}`);
  await client.close();
  await cloud.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a client that is not ours', () => {
  it('finds every endpoint, and a JSON Schema of each of its messages', () => {
    expect(client.endpoints.map(({ subject }) => subject)).toEqual(
      Object.values(api).flatMap((verbs) => Object.values(verbs).map(({ name }) => `cloud.api.v1.${name}`)),
    );
  });

  it('is answered as the schemas say, whatever valid request it makes of them', { timeout: roundMs }, async () => {
    for (let round = 0; round < rounds; round++) await exercise.validRound();
    expect([...exercise.complaints.values()]).toEqual([]);
    // The others need an instance that is in the right state at the right time.
    expect(exercise.succeeded.size).toBeGreaterThan(client.endpoints.length * 0.7);
  });

  it('is refused what it may not, whatever the token and the request', { timeout: roundMs }, async () => {
    await exercise.unauthorizedRound();
    expect([...exercise.complaints.values()]).toEqual([]);
  });

  it('is refused broken requests by the field that is broken, and nothing is left of them', {
    timeout: roundMs,
  }, async () => {
    await exercise.invalidRound(mutationsEach / 8);
    const before = { heap: usedHeap(), ...(await held()) };
    await exercise.invalidRound(mutationsEach);
    expect([...exercise.complaints.values()]).toEqual([]);
    // What was still under way before may have ended since.
    const more = async () => {
      const { consumers, subscriptions } = await held();
      return [consumers - before.consumers, subscriptions - before.subscriptions].map((each) => Math.max(0, each));
    };
    await expect.poll(more, { timeout: 30_000 }).toEqual([0, 0]);
    expect(usedHeap() - before.heap).toBeLessThan(heapGrowthBytes);
  });
});

describe('afterwards', () => {
  it('every part still answers', async () => {
    await cloud.client.ask(api.host.enable, { host: 'host1' });
    // The others may have used up what they may have.
    const somebody = await cloud.createUser('afterwards');
    const { uuid } = await cloud.create({ name: 'afterwards' }, somebody);
    await cloud.until(uuid, ({ state }) => state === 'running');
    expect((await cloud.client.ask(api.instance.consoleLog, { uuid })).output).not.toBe('');
    await cloud.client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
  });

  it('no secret stands in a log, a fact or a record that clients see', async () => {
    await client.connection.flush();
    const records = await recordsThatShow();
    // What the parts have logged comes before it; it may be that they had nothing to tell.
    cloud.runtime.logger.info({ token: secretMark }, 'all was asked');
    const log = await eventually(async () => {
      const written = await readFile(join(folder, 'log'), 'utf8');
      return written.includes('all was asked') ? written : undefined;
    });
    expect(exercise.secrets.length).toBeGreaterThan(rounds);
    expect(exercise.counts.secret).toBeGreaterThan(0);
    expect([facts.length > rounds, records.length > rounds]).toEqual([true, true]);
    const marks = [secretMark, inBase64(secretMark), ...tokens(), ...exercise.secrets];
    for (const [where, text] of Object.entries({ log, facts: facts.join('\n'), records: records.join('\n') }))
      for (const mark of marks) if (text.includes(mark)) expect.fail(`${mark} stands in the ${where}`);
  });
});

/** A project of its own for the client, with a member and a reader, and tokens that are worth nothing. */
async function whoAsks(): Promise<Who> {
  const { project } = await cloud.client.ask(api.project.create, { name: 'foreign' });
  const tokenOf = async (role: 'member' | 'reader', expiresInSeconds?: number) => {
    const { user } = await cloud.client.ask(api.user.create, { name: `foreign ${role} ${expiresInSeconds ?? ''}` });
    await cloud.client.ask(api.user.grant, { id: user.id, projectId: project.id, role });
    const request = { userId: user.id, projectId: project.id, ...(expiresInSeconds && { expiresInSeconds }) };
    return `Bearer ${(await cloud.client.ask(api.token.create, request)).secret}`;
  };
  const expired = await tokenOf('member', 1);
  const look = client.endpoint('cloud.api.v1.token.get');
  await eventually(async () => ((await client.ask(look, '{}', expired)).failure ? true : undefined));
  const nobodies = [
    undefined,
    '',
    'Bearer',
    `Bearer ${secretMark}`,
    `Basic ${secretMark}`,
    `bearer ${cloud.token}`,
    expired,
  ];
  return {
    operator: `Bearer ${cloud.token}`,
    member: await tokenOf('member'),
    reader: await tokenOf('reader'),
    nobodies,
  };
}

/** Who asks, and what an instance is launched from in the end. */
async function whatIsKept(): Promise<Set<unknown>> {
  const look = client.endpoint('cloud.api.v1.token.get');
  const shown = await Promise.all([who.operator, who.member, who.reader].map((each) => client.ask(look, '{}', each)));
  const own = shown.flatMap(({ body }) => Object.values((body as { token: Record<string, string> }).token));
  const { images } = await cloud.client.ask(api.image.list, {});
  const { flavors } = await cloud.client.ask(api.flavor.list, {});
  return new Set([...own, ...images.map(({ id }) => id), ...flavors.map(({ id }) => id)]);
}

function tokens(): string[] {
  return [who.operator, who.member, who.reader].map((each) => each.replace('Bearer ', ''));
}

/** What is open at the server for this process. */
async function held(): Promise<{ consumers: number; subscriptions: number }> {
  const { bus } = cloud.runtime;
  let consumers = 0;
  for await (const { state } of bus.nats.manager.streams.list()) consumers += state.consumer_count;
  // There is no public way to count them.
  const { protocol } = bus.nats.connection as unknown as {
    protocol: { subscriptions: { subs: Map<number, unknown> } };
  };
  return { consumers, subscriptions: protocol.subscriptions.subs.size };
}

/** All versions of all records, but of those that are there to keep what is secret. */
async function recordsThatShow(): Promise<string[]> {
  const records: string[] = [];
  for (const kind of Object.keys(buckets).filter((each) => each !== 'payload') as (keyof typeof buckets)[]) {
    const raw = await rawBucket(cloud.runtime.bus, await cloud.runtime.store.bucket(kind));
    for await (const entry of await raw.history()) records.push(`${entry.key} ${entry.string()}`);
  }
  return records;
}

function usedHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
