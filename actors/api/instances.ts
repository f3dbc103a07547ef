import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import { computeCalls } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { call } from '../../transport/nats/call.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { maySee } from '../identity/authenticator.ts';
import { viewInstance } from '../records/instance-view.ts';
import { InstanceList } from './instance-list.ts';
import type { Reads, Request } from './reads.ts';

export const instanceReads: Reads = async (on, { bus, store, logger }) => {
  const [instances, images] = await Promise.all([store.view('instance'), store.view('image')]);
  const list = new InstanceList(instances, images, logger);

  function find(uuid: string, { caller }: Request): Instance {
    const instance = instances.get(uuid);
    if (!instance || !maySee(caller, instance.projectId)) {
      throw fail('not_found', `there is no instance ${uuid}`, { details: { field: '/uuid' } });
    }
    return instance;
  }

  on(api.instance.get, ({ uuid }, request) => ({ instance: viewInstance(find(uuid, request)) }));

  on(api.instance.list, (query, { caller }) => ({ instances: list.page(query, caller) }));

  on(api.instance.consoleLog, async ({ uuid, maxBytes = 65_536 }, request) => {
    const { host } = find(uuid, request).chart.context;
    if (typeof host !== 'string') throw fail('conflict', `instance ${uuid} has no host yet`);
    const kind = computeCalls.consoleLog;
    return call(bus, subjects.computeCall(host, kind.name), kind, { uuid, maxBytes }, request.context);
  });
};
