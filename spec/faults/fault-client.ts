/** Whoever uses a cloud that faults befall: asks, remembers what was answered, and asks again until something was. */
import { adminProject } from '../../actors/identity/first-admin.ts';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { toFailure } from '../../machines/failure.ts';
import { sleep, systemClock } from '../../transport/clock.ts';
import type { CreateInstance } from '../../transport/messages/api/instance.ts';
import { api } from '../../transport/messages/api.ts';
import type { ApiClient } from '../../transport/nats/api-client.ts';
import type { Asked, History } from '../checker/history.ts';

/** How long to wait before what was not answered is asked for again (ms). */
const againMs = 250;
/**
 * For how long that goes on (ms). On a machine with ten times the load that it has cores for, 60 s were not enough after a
 * kill of nats-server: it has to start, and then all parts connect and read all their views again, at once.
 */
const patienceMs = 120_000;

export class FaultClient {
  readonly #api: ApiClient;
  readonly #history: History;
  readonly #wishes: Partial<CreateInstance>;

  /** `wishes`: what every launch of it asks for. */
  constructor(client: ApiClient, history: History, wishes: Partial<CreateInstance>) {
    this.#api = client;
    this.#history = history;
    this.#wishes = wishes;
  }

  /** The same launch each time that it is asked for: which instance it is to be is known before. */
  launch(name: string): Promise<Asked['outcome']> {
    const body = { image: 'simulated', flavor: 'm1.micro', ...this.#wishes, name, clientToken: name };
    return this.#persist('create', uuidOf(name), async () => {
      const { instances } = await this.#api.ask(api.instance.create, body);
      if (instances.length !== 1 || instances[0]?.uuid !== uuidOf(name)) {
        throw new Error(`${name} is answered by ${instances.map(({ uuid }) => uuid).join(', ')}`);
      }
    });
  }

  delete(uuid: string): Promise<Asked['outcome']> {
    return this.#persist('delete', uuid, () => this.#api.ask(api.instance.delete, { uuid }));
  }

  /** Each try is a request of its own, of which none may do more than the others together. */
  async #persist(verb: string, uuid: string, ask: () => Promise<unknown>): Promise<Asked['outcome']> {
    const until = Date.now() + patienceMs;
    for (;;) {
      const asked: Asked = { verb, uuid, at: Date.now(), outcome: 'pending' };
      this.#history.asked.push(asked);
      try {
        await ask();
        asked.outcome = 'accepted';
      } catch (thrown) {
        asked.failure = toFailure(thrown);
        // Every other failure came as an answer.
        asked.outcome = ['timeout', 'unavailable'].includes(asked.failure.code) ? 'unknown' : 'refused';
      }
      if (asked.outcome !== 'unknown' || Date.now() > until) return asked.outcome;
      await sleep(systemClock, againMs);
    }
  }
}

export function uuidOf(name: string): string {
  return nameUuid('client-token', adminProject, name, '0');
}
