/**
 * What Prometheus scrapes. What happened is counted from the moment on that this process hears it, so that a counter
 * starts at nothing; what there is, is looked at when it is asked for. Every web server counts everything: one of them is
 * to be asked, or the greatest of what they say to be taken, never their sum.
 *
 * No label holds what clients choose: they are states of the chart, codes of failures, and names of hosts.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { isState } from '../../machines/instance-states.ts';
import type { HostView } from '../../transport/messages/api/host.ts';
import { api } from '../../transport/messages/api.ts';
import { allOf, pagesOf } from '../../transport/messages/pages.ts';
import { launchOutcomes } from '../../transport/messages/statistics.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import type { LaunchNews } from './launch-book.ts';
import type { StreamFigures } from './stream-figures.ts';

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Whoever tells facts tells names of hosts: of more than these none is told apart. */
const mostHosts = 2_000;
const other = 'other';

export class Metrics {
  readonly #registry = new Registry();
  readonly #bus: Bus;
  readonly #streams: StreamFigures;
  readonly #hostNames = new Set<string>();

  readonly #begun = this.#counter('launches_begun', 'launches that were accepted');
  readonly #ended = this.#counter('launches_ended', 'launches that came to an end, by what came of them', ['outcome']);
  readonly #failures = this.#counter('launch_failures', 'launches that failed, by why', ['code']);
  readonly #rescheduled = this.#counter('launch_reschedules', 'launches that went back to the scheduler');
  readonly #placed = this.#counter('scheduler_placements', 'launches that the scheduler gave to a host', ['host']);
  readonly #unplaced = this.#counter('scheduler_refusals', 'launches that the scheduler found no host for');
  readonly #steps = this.#histogram('launch_step_seconds', 'how long a launch was in a state', ['state']);
  readonly #launches = this.#histogram('launch_seconds', 'from the request until a launch has ended', ['outcome']);
  readonly #instances = this.#gauge('instances', 'instances that are not deleted', ['state']);
  readonly #hosts = this.#gauge('hosts', 'compute hosts', ['hypervisor', 'service', 'alive']);
  readonly #waiting = this.#gauge('casts_waiting', 'casts that wait for a part', ['consumer']);
  readonly #inHand = this.#gauge('casts_in_hand', 'casts that a part has not acknowledged yet', ['consumer']);
  readonly #stored = this.#counter('stream_messages', 'messages that a stream of NATS has stored since it was made', [
    'stream',
  ]);

  constructor(bus: Bus, streams: StreamFigures) {
    this.#bus = bus;
    this.#streams = streams;
    for (const outcome of launchOutcomes) this.#ended.inc({ outcome }, 0);
  }

  take({ launch, isNew, step, to, failure }: LaunchNews): void {
    if (isNew) this.#begun.inc();
    if (step) {
      this.#steps.observe({ state: known(step.state) }, step.tookMs / 1000);
      if (to === 'scheduling') this.#rescheduled.inc();
      if (step.state === 'scheduling' && launch.host !== undefined)
        this.#placed.inc({ host: this.#hostLabel(launch.host) });
      if (step.state === 'scheduling' && failure?.code === 'no_valid_host') this.#unplaced.inc();
    }
    const { outcome, endedAt, startedAt } = launch;
    if (outcome === undefined || endedAt === undefined) return;
    this.#ended.inc({ outcome });
    this.#launches.observe({ outcome }, Math.max(0, endedAt - startedAt) / 1000);
    if (launch.failure) this.#failures.inc({ code: launch.failure.code });
  }

  /** In the exposition format. Instances and hosts are those that the API tells whoever shows that token. */
  async exposition(secret: string): Promise<string> {
    const client = new ApiClient(this.#bus, secret);
    const [{ states }, hosts, stored, queues] = await Promise.all([
      client.ask(api.instance.count, { allProjects: true }),
      allHosts(client),
      this.#streams.stored(),
      this.#streams.queues(),
    ]);
    for (const each of [this.#instances, this.#hosts, this.#waiting, this.#inHand, this.#stored]) each.reset();
    for (const { state, count } of states) this.#instances.inc({ state: known(state) }, count);
    for (const { hypervisorState, service, isAlive } of hosts)
      this.#hosts.inc({ hypervisor: hypervisorState, service, alive: String(isAlive) });
    for (const [stream, count] of Object.entries(stored)) this.#stored.inc({ stream }, count);
    for (const { consumer, waiting, inHand } of queues) {
      this.#waiting.set({ consumer }, waiting);
      this.#inHand.set({ consumer }, inHand);
    }
    return Registry.merge([this.#registry, metricsOfProcess()]).metrics();
  }

  #hostLabel(host: string): string {
    if (this.#hostNames.size < mostHosts) this.#hostNames.add(host);
    return this.#hostNames.has(host) ? host : other;
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `kilonova_${name}_total`, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name: `kilonova_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: string[]): Histogram {
    return new Histogram({ name: `kilonova_${name}`, help, labelNames, buckets: seconds, registers: [this.#registry] });
  }
}

/** Once in a process: what measures it does not end. */
function metricsOfProcess(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

let ofProcess: Registry | undefined;

function known(state: string): string {
  return isState(state) ? state : other;
}

function allHosts(client: ApiClient): Promise<HostView[]> {
  return allOf(
    pagesOf(
      async (from: { marker?: string }) => (await client.ask(api.host.list, { limit: 1000, ...from })).hosts,
      ({ name }) => name,
    ),
  );
}
