/** What the web server computes of what it hears: statistics for pages, metrics for Prometheus. */
import type { Figures } from '../../transport/http/context.ts';
import { facts as factKinds, type InstanceFact } from '../../transport/messages/internal.ts';
import { type Launch, statistics } from '../../transport/messages/statistics.ts';
import type { FactFollower, FollowedFact } from '../../transport/nats/fact-follower.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { LaunchStatistics } from './launch-statistics.ts';
import { Metrics } from './metrics.ts';
import { StreamFigures } from './stream-figures.ts';

/** What was computed is as good for whoever asks next (ms). */
const freshMs = 1_000;

export class CloudFigures implements Figures {
  readonly #clock: Runtime['clock'];
  readonly #launches = new LaunchStatistics();
  readonly #streams: StreamFigures;
  readonly #metrics: Metrics;
  readonly #stopHearing: () => void;
  /** By project. */
  readonly #computed = new Map<string | undefined, string>();
  #computedAt = 0;
  /** What happened before this process listened is no news. */
  #isLive = false;

  constructor({ bus, clock }: Pick<Runtime, 'bus' | 'clock'>, facts: FactFollower) {
    this.#clock = clock;
    this.#streams = new StreamFigures({ bus, clock });
    this.#metrics = new Metrics(bus, this.#streams);
    this.#stopHearing = facts.onFact((fact) => this.#take(fact));
    facts.caughtUp.then(
      () => {
        this.#isLive = true;
      },
      () => undefined,
    );
  }

  statistics(projectId: string | undefined): string {
    const now = this.#clock.now();
    // A clock may be put back.
    if (Math.abs(now - this.#computedAt) > freshMs) {
      this.#computed.clear();
      this.#computedAt = now;
    }
    let computed = this.#computed.get(projectId);
    if (computed === undefined) {
      const messages = projectId === undefined ? this.#streams.rates() : undefined;
      computed = statistics.all.encode({
        ...this.#launches.figures(projectId, now),
        ...(messages && { messages }),
      });
      this.#computed.set(projectId, computed);
    }
    return computed;
  }

  launch(uuid: string, projectId: string | undefined): Launch | undefined {
    return this.#launches.launch(uuid, projectId);
  }

  metrics(secret: string): Promise<string> {
    return this.#metrics.exposition(secret);
  }

  stop(): void {
    this.#stopHearing();
    this.#streams.stop();
  }

  #take({ kind, data }: FollowedFact): void {
    const fact = kind === 'instance' ? readable(data) : undefined;
    const news = fact && this.#launches.take(fact, this.#clock.now());
    if (news && this.#isLive) this.#metrics.take(news);
  }
}

function readable(data: Uint8Array): InstanceFact | undefined {
  try {
    return factKinds.instance.body.decode(data);
  } catch {
    return undefined;
  }
}
