/** A launch through separate processes is one trace, as whoever collects traces sees it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../actors/runtime/logger.ts';
import { openTracing } from '../../actors/runtime/tracing.ts';
import { systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { request } from '../../transport/nats/call.ts';
import { clientHeaders, newContext, writeContext } from '../../transport/nats/call-context.ts';
import { connectBus } from '../../transport/nats/connect-bus.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { type KilonovaProcess, startKilonova } from '../support/kilonova-process.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../support/otlp-collector.ts';
import { eventually } from '../support/test-cloud.ts';

/** Of OTLP: work that neither asks nor answers another. */
const internal = 1;
const roles = ['controller', 'network', 'scheduler', 'api', 'compute'] as const;
const running: KilonovaProcess[] = [];
let collector: OtlpCollector;
let nats: TestNats;
let folder: string;
let bus: Bus;
let client: ApiClient;
let token: string;

async function startPart(role: (typeof roles)[number], ...flags: string[]): Promise<void> {
  const part = startKilonova([role, '--nats', nats.url, ...flags], {
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      ...(role === 'scheduler' && { OTEL_SERVICE_NAME: 'our-scheduler' }),
    },
  });
  running.push(part);
  await part.says(/is ready/);
}

beforeAll(async () => {
  collector = await startOtlpCollector();
  nats = await startTestNats();
  folder = await mkdtemp(join(tmpdir(), 'kilonova-tracing-'));
  await startPart('controller', '--state', folder, '--no-test-image');
  await Promise.all([
    startPart('network'),
    startPart('scheduler'),
    startPart('api'),
    startPart('compute', '--state', folder, '--hypervisor', 'simulated', '--host', 'alpha'),
  ]);
  bus = await connectBus({ url: nats.url, name: 'test' });
  token = (await readFile(join(folder, 'admin-token'), 'utf8')).trim();
  client = new ApiClient(bus, token);
  await eventually(async () => {
    const { hosts } = await client.ask(api.host.list, {});
    return hosts.some(({ hypervisorState }) => hypervisorState === 'up') || undefined;
  });
});

afterAll(async () => {
  await bus?.close();
  await Promise.all(running.map((part) => part[Symbol.asyncDispose]()));
  await nats?.stop();
  await collector?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The trace of a launch, when its last step is there. */
function traceWith(uuid: string, name: string): Promise<CollectedSpan[]> {
  return eventually(() => {
    const last = collector.spans.find(
      (span) => span.name === name && span.attributes['kilonova.instance.uuid'] === uuid,
    );
    if (!last) return undefined;
    const trace = collector.spans.filter(({ traceId }) => traceId === last.traceId);
    // The parts send what they have by turns.
    return new Set(trace.map(({ service }) => service)).size === roles.length && isUnbroken(trace) ? trace : undefined;
  });
}

function isUnbroken(trace: readonly CollectedSpan[]): boolean {
  const ids = new Set(trace.map(({ spanId }) => spanId));
  return trace.every(({ parentSpanId }) => !parentSpanId || ids.has(parentSpanId));
}

/** `service name`, from the beginning of the trace to the span. */
function pathTo(trace: readonly CollectedSpan[], span: CollectedSpan): string[] {
  const parent = trace.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent ? pathTo(trace, parent) : []), `${span.service} ${span.name}`];
}

async function launch(): Promise<string> {
  const { instances } = await client.ask(api.instance.create, {
    name: 'traced',
    image: 'simulated',
    flavor: 'm1.micro',
  });
  return instances[0]?.uuid ?? '';
}

/** As a client does that traces what it asks. */
function launchWithin(traceparent: string): Promise<unknown> {
  const { create } = api.instance;
  const carried = clientHeaders(token, { context: { ...newContext(), traceparent } });
  const body = { name: 'traced', image: 'simulated', flavor: 'm1.micro' };
  return request(bus, subjects.api(create.resource, create.verb), create, body, carried);
}

describe('a launch', () => {
  it('is one trace through all parts, in which each piece of work has the one that it is a part of', async () => {
    const uuid = await launch();
    const trace = await traceWith(uuid, 'waitForBoot');
    expect(new Set(trace.map(({ traceId }) => traceId)).size).toBe(1);
    expect(new Set(trace.map(({ service }) => service))).toEqual(
      new Set(['kilonova-api', 'kilonova-controller', 'kilonova-network', 'our-scheduler', 'kilonova-compute']),
    );
    expect(trace.filter(({ parentSpanId }) => !parentSpanId).map(({ name }) => name)).toEqual(['instance.create']);
    expect(new Set(trace.map(({ spanId }) => spanId)).size).toBe(trace.length);
    expect(trace.filter(({ error }) => error !== undefined)).toEqual([]);

    const [allocated] = trace.filter(
      ({ service, name }) => service === 'kilonova-network' && name === 'allocate_for_instance',
    );
    expect(pathTo(trace, allocated as CollectedSpan)).toEqual([
      'kilonova-api instance.create',
      'kilonova-api instance.create',
      'kilonova-controller instance.create',
      'kilonova-controller requestPlacement',
      'kilonova-controller run_instance',
      'our-scheduler run_instance',
      'our-scheduler run_instance',
      'kilonova-compute run_instance',
      'kilonova-compute allocateNetwork',
      'kilonova-compute allocate_for_instance',
      'kilonova-network allocate_for_instance',
    ]);
    const ofHost = trace
      .filter(({ service, kind }) => service === 'kilonova-compute' && kind === internal)
      .toSorted((a, b) => Number(a.start - b.start));
    expect(ofHost.map(({ name }) => name)).toEqual([
      'checkLaunch',
      'claimResources',
      'allocateNetwork',
      'mapBlockDevices',
      'prepareFilter',
      'createDisks',
      'createDomain',
      'enableHairpin',
      'applyFilter',
      'waitForBoot',
    ]);
    for (const span of trace) {
      expect(span.end).toBeGreaterThanOrEqual(span.start);
      const parent = trace.find(({ spanId }) => spanId === span.parentSpanId);
      if (parent) expect(span.start).toBeGreaterThanOrEqual(parent.start);
    }
  });

  it('is a part of the trace of a client that has one', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    await launchWithin(traceparent);
    const trace = await eventually(() => {
      const found = collector.spans.filter((span) => span.traceId === traceId);
      return found.some(({ name }) => name === 'waitForBoot') ? found : undefined;
    });
    const begun = trace.filter(({ parentSpanId }) => parentSpanId === 'b7ad6b7169203331');
    expect(begun.map(({ service, name }) => `${service} ${name}`)).toEqual(['kilonova-api instance.create']);
  });

  it('is not traced when the client says that its trace is not sampled', async () => {
    const traceId = 'aaf7651916cd43dd8448eb211c80319c';
    await launchWithin(`00-${traceId}-b7ad6b7169203331-00`);
    // What comes later is sent later.
    await traceWith(await launch(), 'waitForBoot');
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });

  it('that is refused shows by whom, and why', async () => {
    const refused = client.ask(api.instance.create, { name: 'x', image: 'simulated', flavor: 'none' });
    await expect(refused).rejects.toMatchObject({ failure: { code: 'not_found' } });
    const failed = await eventually(() => {
      const found = collector.spans.filter(({ name, error }) => name === 'instance.create' && error === 'not_found');
      return found.length === 3 ? found : undefined;
    });
    expect(new Set(failed.map(({ traceId }) => traceId)).size).toBe(1);
    expect(failed.map(({ service }) => service).toSorted()).toEqual([
      'kilonova-api',
      'kilonova-api',
      'kilonova-controller',
    ]);
  });

  it('is sent to the end by a process that is stopped', async () => {
    const before = collector.spans.length;
    await client.ask(api.flavor.list, {});
    for (const part of running) part.kill('SIGTERM');
    expect(await Promise.all(running.map(({ ended }) => ended))).toEqual(roles.map(() => 0));
    expect(collector.spans.slice(before).map(({ name }) => name)).toContain('flavor.list');
  });
});

it.each([
  ['nothing says where to', {}],
  ['it is disabled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' }],
  ['traces go elsewhere', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' }],
])('nothing is traced when %s', async (_, environment) => {
  const service = { name: 'kilonova-test', version: '1', instance: 'x' };
  const world = { clock: systemClock, logger: createLogger('fatal') };
  expect(await openTracing(service, world, environment)).toBeUndefined();
});

it('nothing is carried for a trace that nobody wants', async () => {
  const carried = writeContext(newContext()).get('Kilonova-Context');
  expect(JSON.parse(carried)).toEqual({ requestId: expect.stringMatching(/^req-/) });
});
