/** A client of the API: what a NATS request to `cloud.api.v1.>` looks like from the other side. */
import type { Endpoint } from '../messages/api/endpoint.ts';
import { type AlarmFact, facts } from '../messages/internal.ts';
import type { Fact } from '../messages/kinds.ts';
import type { Bus } from './bus.ts';
import { request } from './call.ts';
import { clientHeaders } from './call-context.ts';
import { followFrom } from './follow-from.ts';
import { subjects } from './subjects.ts';

export type InstanceFact = ReturnType<typeof facts.instance.body.decode>;
export type HostFact = ReturnType<typeof facts.host.body.decode>;

export class ApiClient {
  readonly #bus: Bus;
  readonly #token: string;
  readonly #address: string | undefined;

  /** `address`: of whom a web server asks for, of what anyone may ask. */
  constructor(bus: Bus, token: string, address?: string) {
    this.#bus = bus;
    this.#token = token;
    this.#address = address;
  }

  /** Rejects with the FailureError that the API server answered, or with `unavailable` or `timeout`. */
  ask<Q, R>(endpoint: Endpoint<Q, R>, body: Q): Promise<R> {
    const { resource, verb } = endpoint;
    const subject = this.#address === undefined ? subjects.api(resource, verb) : subjects.forwarded(resource, verb);
    return request(this.#bus, subject, endpoint, body, clientHeaders(this.#token, { address: this.#address }));
  }

  /** Calls back for each fact about the project's instances (without one, all projects'), as it happens; returns the function that ends it. */
  follow(projectId: string | undefined, listener: (fact: InstanceFact) => void): () => void {
    return this.#subscribe(subjects.instanceFacts(projectId), facts.instance, listener);
  }

  /**
   * As `follow`, but from a time on (ISO 8601), nothing missed and nothing twice, also when the connection is away for a
   * while. Resolves when all that happened since is told.
   */
  followFrom(projectId: string, since: string, listener: (fact: InstanceFact) => void): Promise<() => void> {
    return followFrom(this.#bus, this, { projectId, since }, listener);
  }

  /** As `follow`, for facts about hosts. */
  followHosts(listener: (fact: HostFact) => void): () => void {
    return this.#subscribe(subjects.hostFacts(), facts.host, listener);
  }

  /** As `follow`, for what an operator should look at. */
  followAlarms(listener: (fact: AlarmFact) => void): () => void {
    return this.#subscribe(subjects.alarms(), facts.alarm, listener);
  }

  #subscribe<Body>(subject: string, { body }: Fact<Body>, listener: (fact: Body) => void): () => void {
    const subscription = this.#bus.subscribe(subject, ({ data }) => listener(body.decode(data)));
    return () => subscription.unsubscribe();
  }
}
