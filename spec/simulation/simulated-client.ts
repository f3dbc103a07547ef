/** Whoever uses the cloud of a simulated world: asks, remembers what was answered, and asks again when nothing was. */
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import type { Runtime } from '../../actors/runtime/runtime.ts';
import { toFailure } from '../../machines/failure.ts';
import { sleep } from '../../transport/clock.ts';
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import { api } from '../../transport/messages/api.ts';
import { request } from '../../transport/nats/call.ts';
import { newContext, writeContext } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { Asked, History } from '../checker/history.ts';
import type { Wish } from './actions.ts';
import { identity } from './first-records.ts';

/** How often a launch that was not answered is asked for again, with the same client token. */
const tries = 3;

export class SimulatedClient {
  readonly #runtime: Runtime;
  readonly #history: History;

  constructor(runtime: Runtime, history: History) {
    this.#runtime = runtime;
    this.#history = history;
  }

  async wish(wish: Wish): Promise<void> {
    if (wish.wish === 'evacuateHost') return this.#evacuate(wish);
    if (wish.wish === 'deleteHost') return this.#send(api.host.delete, { host: wish.host });
    const uuid = uuidOf(wish.instance);
    switch (wish.wish) {
      case 'create':
        await this.create(wish.instance, wish.flavor);
        return;
      case 'resize':
        await this.#ask('resize', uuid, api.instance.resize, { uuid, flavor: wish.flavor });
        return;
      case 'rename':
        await this.#ask('rename', uuid, api.instance.update, { uuid, name: wish.name }, wish.name);
        return;
      case 'evacuate': {
        const { host, newDisk = false } = wish;
        await this.#ask('evacuate', uuid, api.instance.evacuate, {
          uuid,
          newDisk,
          ...(host !== undefined && { host }),
        });
        return;
      }
      case 'rebuild':
        await this.#ask('rebuild', uuid, api.instance.rebuild, {
          uuid,
          adminPassword: 'another',
          ...(wish.image !== undefined && { image: wish.image }),
        });
        return;
      default:
        await this.#ask(wish.wish, uuid, api.instance[wish.wish], { uuid });
    }
  }

  /** The same launch each time, also when it is asked for once more. */
  async create(instance: number, flavor: string, availabilityZone?: string): Promise<Asked['outcome']> {
    const body = {
      name: `instance-${instance}`,
      image: 'simulated',
      flavor,
      clientToken: tokenOf(instance),
      ...(instance % 2 === 0 && { adminPassword: 'one', userData: '' }),
      ...(availabilityZone !== undefined && { availabilityZone }),
    };
    for (let left = tries; ; left--) {
      const outcome = await this.#ask('create', uuidOf(instance), api.instance.create, body);
      if (outcome !== 'unknown' || left === 1) return outcome;
      await sleep(this.#runtime.clock, 500);
    }
  }

  async delete(uuid: string): Promise<Asked['outcome']> {
    return this.#ask('delete', uuid, api.instance.delete, { uuid });
  }

  /** Of as many of its instances as can be: what becomes of each is told by its record. */
  async #evacuate({ host, newDisk = false }: { host: string; newDisk?: boolean }): Promise<void> {
    await this.#send(api.host.evacuate, { host, newDisk });
  }

  /** What an operator asks of a host: what becomes of it is told by the records. */
  async #send<Q, R>(endpoint: Endpoint<Q, R>, body: Q): Promise<void> {
    const { resource, verb } = endpoint;
    const carried = writeContext({ ...newContext(), caller: identity.caller });
    const asked = request(this.#runtime.bus, subjects.controllerCall(resource, verb), endpoint, body, carried);
    await asked.catch(() => undefined);
  }

  async #ask<Q, R>(
    verb: string,
    uuid: string,
    endpoint: Endpoint<Q, R>,
    body: Q,
    name?: string,
  ): Promise<Asked['outcome']> {
    const { bus, clock } = this.#runtime;
    const asked: Asked = { verb, uuid, at: clock.now(), outcome: 'pending', ...(name !== undefined && { name }) };
    this.#history.asked.push(asked);
    try {
      const subject = subjects.controllerCall(endpoint.resource, endpoint.verb);
      await request(bus, subject, endpoint, body, writeContext({ ...newContext(), caller: identity.caller }));
      asked.outcome = 'accepted';
    } catch (thrown) {
      asked.failure = toFailure(thrown);
      // Nobody listening is a definite no, and so is every other failure that came as an answer.
      asked.outcome = ['timeout', 'unavailable'].includes(asked.failure.code) ? 'unknown' : 'refused';
    }
    asked.answeredAt = clock.now();
    return asked.outcome;
  }
}

export function uuidOf(instance: number): string {
  return nameUuid('client-token', identity.caller.projectId, tokenOf(instance), '0');
}

function tokenOf(instance: number): string {
  return `token-${instance}`;
}
