/** A client of the API: what a NATS request to `cloud.api.v1.>` looks like from the other side. */
import { headers } from 'nats';
import type { Endpoint } from '../messages/api/endpoint.ts';
import { facts } from '../messages/internal.ts';
import type { Bus } from './bus.ts';
import { request } from './call.ts';
import { subjects } from './subjects.ts';

export type InstanceFact = ReturnType<typeof facts.instance.body.decode>;

export class ApiClient {
  readonly #bus: Bus;
  readonly #token: string;

  constructor(bus: Bus, token: string) {
    this.#bus = bus;
    this.#token = token;
  }

  /** Rejects with the FailureError that the API server answered, or with `unavailable` or `timeout`. */
  ask<Q, R>(endpoint: Endpoint<Q, R>, body: Q): Promise<R> {
    const carried = headers();
    carried.set('Authorization', `Bearer ${this.#token}`);
    return request(this.#bus, subjects.api(endpoint.resource, endpoint.verb), endpoint, body, carried);
  }

  /** Calls back for each fact about the project's instances, as it happens; returns the function that ends it. */
  follow(projectId: string, listener: (fact: InstanceFact) => void): () => void {
    const subscription = this.#bus.connection.subscribe(subjects.instanceFacts(projectId), {
      callback: (error, message) => {
        if (!error) listener(facts.instance.body.decode(message.data));
      },
    });
    return () => subscription.unsubscribe();
  }
}
