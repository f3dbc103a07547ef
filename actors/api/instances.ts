/** Looks at instances: one, a list of them, what one wrote to its console, what was done to it; opens their consoles. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { computeCalls, facts, type InstanceFact } from '../../transport/messages/internal.ts';
import type { Call } from '../../transport/messages/kinds.ts';
import { call } from '../../transport/nats/call.ts';
import { replayFacts } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { contextOf } from '../instance/stored-chart.ts';
import { actionsOf } from '../records/instance-actions.ts';
import { viewInstance } from '../records/instance-view.ts';
import { seenInstance } from '../records/lookup.ts';
import { pageOf } from '../records/paging.ts';
import { timestamp } from '../records/timestamp.ts';
import { InstanceList } from './instance-list.ts';
import type { Reads, Request } from './reads.ts';

export const instanceReads: Reads = async (on, { bus, store }) => {
  const [instances, images, liveness] = await Promise.all([
    store.view('instance'),
    store.view('image'),
    store.liveness(),
  ]);
  const list = new InstanceList(instances, images, liveness);
  const find = (uuid: string, { caller }: Request) => seenInstance(instances.get(uuid), caller, uuid);

  on(api.instance.get, ({ uuid }, request) => ({ instance: viewInstance(find(uuid, request), liveness) }));

  on(api.instance.list, (query, { caller }) => ({ instances: list.page(query, caller) }));

  on(api.instance.count, (query, { caller }) => ({ states: list.count(query, caller) }));

  /** Asks the host of an instance. */
  function askHost<Q extends { uuid: string }, R>(kind: Call<Q, R>, body: Q, request: Request): Promise<R> {
    const { host } = contextOf(find(body.uuid, request));
    if (host === undefined) throw fail('conflict', `instance ${body.uuid} has no host yet`);
    if (liveness.statusOf(host) === 'down') throw fail('unavailable', `host ${host} is down`, { disposition: 'retry' });
    return call(bus, subjects.computeCall(host, kind.name), kind, body, request.context);
  }

  on(api.instance.consoleLog, async ({ uuid, maxBytes = 65_536 }, request) =>
    askHost(computeCalls.consoleLog, { uuid, maxBytes }, request),
  );

  on(api.instance.openConsole, async ({ uuid, kind }, request) => {
    const { token, expiresAt } = await askHost(computeCalls.openConsole, { uuid, kind }, request);
    return { console: { kind, token, expiresAt: timestamp(expiresAt) } };
  });

  on(api.instance.actions, async ({ uuid }, request) => {
    const subject = subjects.instanceFact(find(uuid, request).projectId, uuid);
    const told: InstanceFact[] = [];
    for await (const { body } of replayFacts(bus, subject, facts.instance)) {
      if (body) told.push(body);
      if (told.length >= 2 * mostFacts) told.splice(0, mostFacts);
    }
    return { actions: pageOf(actionsOf(told), (action) => action) };
  });
};

/** From how many facts, the latest ones, actions are made: at least. */
const mostFacts = 5_000;
