/** Statistics and metrics: what they say is what was done. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { StreamFigures } from '../../actors/web/stream-figures.ts';
import { startWebServer } from '../../actors/web/web-server.ts';
import { systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { type Launch, type Statistics, statistics } from '../../transport/messages/statistics.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { newUser } from '../api/people.ts';
import { HeldClock } from '../support/held-clock.ts';
import { eventually, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { type Family, parseExposition } from './exposition.ts';
import { Browser, openTestDoor, startTestWeb, type TestWeb } from './support.ts';

let cloud: TestCloud;
let web: TestWeb;
let browser: Browser;
/** Launched before the web server began, and after. */
const early: string[] = [];
const late: Record<'runs' | 'moves' | 'breaks', string> = { runs: '', moves: '', breaks: '' };

beforeAll(async () => {
  cloud = await startTestCloud();
  early.push(await launch('running'), await launch('running'));
  web = await startTestWeb(cloud.runtime);
  browser = new Browser(web.origin);
  await browser.signIn(cloud.token);
  await eventually(async () => ((await statisticsOf(browser)).launches.ended === 2 ? true : undefined));

  const host = cloud.hypervisors.get('host1');
  late.runs = await launch('running');
  const broken = { code: 'hypervisor_error', message: 'it broke' } as const;
  host?.failNext('createDomain', { ...broken, disposition: 'reschedule' });
  late.moves = await launch('failed.scheduling');
  host?.failNext('createDisks', { ...broken, disposition: 'abort' });
  late.breaks = await launch('failed.spawning');
  await eventually(async () => ((await statisticsOf(browser)).launches.ended === 5 ? true : undefined));
});

afterAll(async () => {
  await web?.stop();
  await cloud?.stop();
});

async function launch(state: string, client = cloud.client): Promise<string> {
  const { uuid } = await cloud.create({}, client);
  await cloud.until(uuid, (instance) => instance.state === state);
  return uuid;
}

async function statisticsOf(who: Browser): Promise<Statistics> {
  const response = await who.ask('/statistics', { method: 'GET' });
  expect(response.status).toBe(200);
  return statistics.all.check(await response.json());
}

async function scrape(): Promise<Map<string, Family>> {
  const response = await fetch(`${web.origin}/metrics`, { headers: { authorization: `Bearer ${cloud.token}` } });
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  return parseExposition(await response.text());
}

/** The samples of a metric that have these labels. */
function sampleOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const [family] = [...families.values()].filter((each) => name === each.name || name.startsWith(`${each.name}_`));
  return family?.samples.find(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
}

describe('statistics', () => {
  it('are of all launches that are remembered, also of those before the web server began', async () => {
    const { launches, latest, minutes, messages } = await statisticsOf(browser);
    expect(launches).toMatchObject({
      ended: 5,
      underWay: 0,
      outcomes: [
        { outcome: 'running', count: 3 },
        { outcome: 'failed', count: 2 },
        { outcome: 'deleted', count: 0 },
      ],
      rescheduled: 1,
      placed: [{ host: 'host1', count: 5 }],
      unplaced: 1,
    });
    const byCode = Object.fromEntries(launches.failures.map(({ code, count }) => [code, count]));
    expect(byCode).toEqual({ no_valid_host: 1, hypervisor_error: 1 });
    const byState = Object.fromEntries(launches.states.map(({ state, count }) => [state, count]));
    expect(byState).toMatchObject({ scheduling: 6, networking: 5, 'spawning.waitingForBoot': 3 });
    expect(latest.map(({ uuid }) => uuid)).toEqual([late.breaks, late.moves, late.runs, ...early.toReversed()]);
    const sum = (what: 'begun' | 'running' | 'failed') => minutes.reduce((total, minute) => total + minute[what], 0);
    expect([sum('begun'), sum('running'), sum('failed')]).toEqual([5, 3, 2]);
    // It has looked once at most.
    expect(messages).toBeUndefined();
  });

  it('tell of one launch what its actions tell', async () => {
    const response = await browser.ask(`/statistics/launches/${late.moves}`, { method: 'GET' });
    const launch = statistics.launch.check((await response.json()) as Launch);
    expect(launch).toMatchObject({ uuid: late.moves, outcome: 'failed', attempts: 2 });
    const { facts } = await cloud.client.ask(api.fact.list, { uuid: late.moves });
    const transitions = facts.map(({ fact }) => fact).filter(({ type }) => type === 'transition');
    expect(launch.steps.map(({ state }) => state)).toEqual(transitions.map(({ from }) => from));
    expect(launch.steps.slice(1).map(({ offsetMs }) => offsetMs + Date.parse(launch.startedAt))).toEqual(
      transitions.slice(0, -1).map(({ at }) => at),
    );
  });

  it('are those of the project for its users, and nobody’s without a session', async () => {
    const { client, projectId } = await newUser(cloud);
    const { secret } = await client.ask(api.token.create, {});
    const theirs = new Browser(web.origin);
    await theirs.signIn(secret);
    expect((await statisticsOf(theirs)).launches).toMatchObject({ ended: 0, placed: [], failures: [] });
    const uuid = await launch('running', client);
    const own = await eventually(async () => {
      const told = await statisticsOf(theirs);
      return told.launches.ended === 1 ? told : undefined;
    });
    expect(own.latest).toMatchObject([{ uuid, projectId }]);
    expect(own.minutes.reduce((total, { begun }) => total + begun, 0)).toBe(1);
    expect(JSON.stringify(own)).not.toContain(late.runs);
    expect(own.messages).toBeUndefined();
    const headers = { authorization: `Bearer ${secret}` };
    expect((await fetch(`${web.origin}/statistics/launches/${uuid}`, { headers })).status).toBe(200);
    expect((await fetch(`${web.origin}/statistics/launches/${late.runs}`, { headers })).status).toBe(404);
    expect((await fetch(`${web.origin}/metrics`, { headers })).status).toBe(403);
    for (const path of ['/statistics', `/statistics/launches/${uuid}`, '/metrics']) {
      expect((await fetch(`${web.origin}${path}`)).status).toBe(401);
      expect((await fetch(`${web.origin}${path}`, { headers: { authorization: 'Bearer x' } })).status).toBe(401);
      // A page of this server, one who types the address, and a browser that does not say.
      for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, {}]) {
        expect((await browser.ask(path, { method: 'GET', headers })).status).toBe(200);
      }
      // A page of somebody else shows the cookie, and does not get the answer.
      const foreign = { method: 'GET', headers: { 'sec-fetch-site': 'cross-site' } };
      expect((await browser.ask(path, foreign)).status).toBe(403);
    }
    await cloud.client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
  });
});

describe('metrics', () => {
  it('count what happened since the web server began, and nothing of before', async () => {
    const before = await scrape();
    const uuid = await launch('running');
    const after = await eventually(async () => {
      const families = await scrape();
      const [was, is] = [before, families].map((each) =>
        sampleOf(each, 'kilonova_launches_ended_total', { outcome: 'running' }),
      );
      return is === (was ?? 0) + 1 ? families : undefined;
    });
    // Three of before the first scrape, one of them another project's, and two that failed.
    expect(sampleOf(after, 'kilonova_launches_begun_total')).toBe(5);
    expect(sampleOf(after, 'kilonova_launches_ended_total', { outcome: 'failed' })).toBe(2);
    expect(sampleOf(after, 'kilonova_launches_ended_total', { outcome: 'deleted' })).toBe(0);
    expect(sampleOf(after, 'kilonova_launch_failures_total', { code: 'hypervisor_error' })).toBe(1);
    expect(sampleOf(after, 'kilonova_launch_failures_total', { code: 'no_valid_host' })).toBe(1);
    expect(sampleOf(after, 'kilonova_launch_reschedules_total')).toBe(1);
    expect(sampleOf(after, 'kilonova_scheduler_placements_total', { host: 'host1' })).toBe(5);
    expect(sampleOf(after, 'kilonova_scheduler_refusals_total')).toBe(1);
    expect(sampleOf(after, 'kilonova_launch_step_seconds_count', { state: 'scheduling' })).toBe(6);
    expect(sampleOf(after, 'kilonova_launch_step_seconds_count', { state: 'spawning.waitingForBoot' })).toBe(3);
    expect(sampleOf(after, 'kilonova_launch_seconds_count', { outcome: 'running' })).toBe(3);
    await cloud.client.ask(api.instance.delete, { uuid });
    await cloud.until(uuid, ({ state }) => state === 'deleted');
  });

  it('say what there is now, by state', async () => {
    const families = await scrape();
    const { states } = await cloud.client.ask(api.instance.count, { allProjects: true });
    expect(states).toEqual([
      { state: 'failed.scheduling', vmState: 'error', count: 1 },
      { state: 'failed.spawning', vmState: 'error', count: 1 },
      { state: 'running', vmState: 'active', count: 3 },
    ]);
    const shown = families.get('kilonova_instances')?.samples.map(({ labels, value }) => [labels.state, value]);
    expect(shown).toEqual(states.map(({ state, count }) => [state, count]));
    const up = { hypervisor: 'up', service: 'enabled', alive: 'true' };
    expect(sampleOf(families, 'kilonova_hosts', up)).toBe(1);
    expect(sampleOf(families, 'process_cpu_seconds_total')).toBeGreaterThan(0);
  });

  it('say how many casts wait for a part that takes none, and how many were ever stored', async () => {
    const before = await scrape();
    const storedBefore = sampleOf(before, 'kilonova_stream_messages_total', { stream: 'casts' }) ?? Number.NaN;
    expect(sampleOf(before, 'kilonova_casts_waiting', { consumer: 'scheduler' })).toBe(0);
    expect(sampleOf(before, 'kilonova_casts_in_hand', { consumer: 'compute host1' })).toBe(0);
    const release = cloud.hypervisors.get('host1')?.hang('createDomain');
    const hung = await cloud.create();
    await cloud.until(hung.uuid, ({ state }) => state === 'spawning.creatingDomain');
    const families = await scrape();
    expect(sampleOf(families, 'kilonova_instances', { state: 'spawning.creatingDomain' })).toBe(1);
    // To the scheduler, and to the host.
    expect(sampleOf(families, 'kilonova_stream_messages_total', { stream: 'casts' })).toBe(storedBefore + 2);
    release?.();
    await cloud.until(hung.uuid, ({ state }) => state === 'running');
  });

  it('have no labels that somebody else has chosen', async () => {
    const { nats } = cloud.runtime.bus;
    const [{ fact } = { fact: undefined }] = (await cloud.client.ask(api.fact.list, { uuid: late.runs })).facts;
    const uuid = '00000000-0000-4000-8000-000000000000';
    const made = { ...fact, uuid, to: 'constructor', type: 'command', command: 'create', at: Date.now() };
    const moved = { ...made, type: 'transition', from: 'constructor', to: 'a "state"\n', command: undefined };
    const ended = { ...moved, from: 'a "state"\n', to: 'running' };
    for (const each of [made, moved, ended])
      nats.connection.publish(subjects.instanceFact('admin', uuid), JSON.stringify(each));
    const families = await eventually(async () => {
      const scraped = await scrape();
      return sampleOf(scraped, 'kilonova_launch_step_seconds_count', { state: 'other' }) === 2 ? scraped : undefined;
    });
    const labels = [...families.values()].flatMap(({ samples }) =>
      samples.map((sample) => JSON.stringify(sample.labels)),
    );
    expect(labels.filter((each) => /constructor|state\\"/.test(each))).toEqual([]);
    expect(labels.filter((each) => /[0-9a-f]{8}-[0-9a-f]{4}/.test(each))).toEqual([]);
  });

  it('begin anew with each web server, of which there may be several in a process', async () => {
    const door = await openTestDoor();
    const part = await startWebServer(cloud.runtime, { door });
    try {
      const headers = { authorization: `Bearer ${cloud.token}` };
      const families = parseExposition(await (await fetch(`${door.url}metrics`, { headers })).text());
      expect(sampleOf(families, 'kilonova_launches_begun_total')).toBe(0);
      expect(sampleOf(families, 'kilonova_instances', { state: 'running' })).toBeGreaterThan(2);
    } finally {
      await part.stop();
      await door.close();
    }
  });
});

it('statistics are computed anew also when the clock was put back', async () => {
  const clock = new HeldClock();
  clock.aheadMs = 1_800_000;
  const other = await startTestWeb({ ...cloud.runtime, clock });
  onTestFinished(() => other.stop());
  const theirs = new Browser(other.origin);
  await theirs.signIn(cloud.token);
  const endedBefore = (await statisticsOf(theirs)).launches.ended;
  clock.aheadMs = 0;
  await launch('running');
  await eventually(async () => (await statisticsOf(theirs)).launches.ended > endedBefore || undefined);
});

it('the rate of messages is what the streams of NATS have grown by', async () => {
  const hurried = { now: systemClock.now, after: (ms: number, work: () => void) => systemClock.after(ms / 20, work) };
  const figures = new StreamFigures({ bus: cloud.runtime.bus, clock: hurried });
  try {
    await eventually(() => figures.rates());
    expect(figures.rates()).toEqual({ castsPerSecond: 0, factsPerSecond: 0 });
    const before = await figures.stored();
    await launch('running');
    const { casts, facts } = await figures.stored();
    // To the scheduler, and to the host.
    expect(casts - before.casts).toBe(2);
    const factsOfACast = (facts - before.facts) / 2;
    expect(factsOfACast).toBeGreaterThan(5);
    await eventually(() => {
      const { castsPerSecond = 0, factsPerSecond = 0 } = figures.rates() ?? {};
      return Math.abs(factsPerSecond / castsPerSecond / factsOfACast - 1) < 0.05 || undefined;
    });
  } finally {
    figures.stop();
  }
});
