import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { adminProject } from '../../actors/identity/first-admin.ts';
import { api } from '../../transport/messages/api.ts';
import { facts } from '../../transport/messages/internal.ts';
import { ApiClient, type InstanceFact } from '../../transport/nats/api-client.ts';
import { publishFact } from '../../transport/nats/fact.ts';
import { streams, subjects } from '../../transport/nats/subjects.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';

let cloud: TestCloud;
let uuid: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  ({ uuid } = await cloud.create());
  await cloud.until(uuid, ({ state }) => state === 'running');
});
afterAll(() => cloud.stop());

/** Everything that was captured, to the last page. */
async function listAll(since: string): Promise<InstanceFact[]> {
  const all: InstanceFact[] = [];
  for (let marker: number | undefined; ; ) {
    const { facts: page } = await cloud.client.ask(api.fact.list, { since, limit: 1000, ...(marker && { marker }) });
    if (page.length === 0) return all;
    all.push(...page.map(({ fact }) => fact));
    marker = page.at(-1)?.sequence;
  }
}

/** Tells of the instance, some facts at a time, from a connection of its own, until it is told to end; counts them. */
async function churn() {
  const { bus } = await cloud.connect();
  const [template] = await listAll('2000-01-01T00:00:00Z');
  if (!template) throw new Error('nothing has happened yet');
  let isOver = false;
  let count = 0;
  const telling = (async () => {
    while (!isOver) {
      const at = Date.now();
      for (let index = 0; index < 5; index++) {
        // Two of five are alike, as two that happen in the same millisecond may be.
        const fact = { ...template, at, requestId: `churn-${count - (index % 2)}` };
        publishFact(bus, subjects.instanceFact(adminProject, uuid), facts.instance, fact);
        count += 1;
      }
      await bus.nats.connection.flush();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  onTestFinished(() => {
    isOver = true;
  });
  return {
    get count() {
      return count;
    },
    async end() {
      isOver = true;
      await telling;
      await eventually(async () => ((await captured()) >= count ? true : undefined));
    },
  };
}

/** How many facts of the churn the stream holds. */
async function captured(): Promise<number> {
  return (await cloud.runtime.bus.nats.manager.streams.info(streams.facts.name)).state.messages;
}

/** A client with a connection of its own. */
async function connect() {
  const { bus } = await cloud.connect();
  return { bus, client: new ApiClient(bus, cloud.token) };
}

const inShort = (told: InstanceFact[]) => told.map((fact) => JSON.stringify(fact)).toSorted();

/** Resolves when as much was told as was captured; what that is has to be the same. */
async function expectAllOnce(told: InstanceFact[], since: string): Promise<void> {
  const all = await listAll(since);
  await eventually(() => (told.length >= all.length ? true : undefined));
  expect(inShort(told)).toEqual(inShort(all));
}

describe('following from a time on', () => {
  it('tells each fact once, from before, from while it began, and from after', async () => {
    const since = new Date().toISOString();
    const happening = await churn();
    await eventually(() => (happening.count > 1500 ? true : undefined));
    const { client } = await connect();
    const told: InstanceFact[] = [];
    const stop = await client.followFrom(adminProject, since, (fact) => told.push(fact));
    onTestFinished(stop);
    const before = told.length;
    expect(before).toBeGreaterThanOrEqual(1500);
    await eventually(() => (told.length > before + 300 ? true : undefined));
    await happening.end();
    await expectAllOnce(told, since);
  });

  it('misses nothing while the connection is away, and tells nothing twice when it is back', async () => {
    const since = new Date().toISOString();
    const happening = await churn();
    const { bus, client } = await connect();
    const told: InstanceFact[] = [];
    onTestFinished(await client.followFrom(adminProject, since, (fact) => told.push(fact)));
    for (let round = 0; round < 3; round++) {
      const before = told.length;
      await eventually(() => (told.length > before + 50 ? true : undefined));
      await bus.nats.connection.reconnect();
    }
    const before = told.length;
    await eventually(() => (told.length > before + 50 ? true : undefined));
    await happening.end();
    await expectAllOnce(told, since);
  });

  it('ends when it is told to', async () => {
    const told: InstanceFact[] = [];
    const since = new Date().toISOString();
    const stop = await cloud.client.followFrom(adminProject, since, (fact) => told.push(fact));
    stop();
    const heard: InstanceFact[] = [];
    onTestFinished(cloud.client.follow(adminProject, (fact) => heard.push(fact)));
    await cloud.client.ask(api.instance.update, { uuid, tags: ['unheard'] });
    await eventually(() => (heard.length > 0 ? true : undefined));
    expect(told).toEqual([]);
  });

  it('is refused to one who may not list', async () => {
    const { bus } = await connect();
    const stranger = new ApiClient(bus, 'no-such-token');
    const following = stranger.followFrom(adminProject, new Date().toISOString(), () => undefined);
    await expect(following).rejects.toMatchObject({ failure: { code: 'unauthenticated' } });
  });
});
