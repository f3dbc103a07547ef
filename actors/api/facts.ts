/** What happened to instances and hosts, read again from the stream of facts. */
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import { facts } from '../../transport/messages/internal.ts';
import type { Fact } from '../../transport/messages/kinds.ts';
import { replayFacts } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { hostKey } from '../records/keys.ts';
import { missing, seenInstance } from '../records/lookup.ts';
import { Page } from '../records/paging.ts';
import { parseTimestamp } from '../records/timestamp.ts';
import type { Reads } from './reads.ts';

/** How many are listed when nothing is said. */
const defaultLimit = 100;

interface Wanted {
  since?: string;
  marker?: number;
  limit?: number;
}

export const factReads: Reads = async (on, { bus, store }) => {
  const [instances, hosts] = await Promise.all([store.view('instance'), store.view('host')]);

  function instanceSubject(uuid: string | undefined, caller: Caller): string {
    if (uuid === undefined) return subjects.instanceFacts(caller.projectId);
    return subjects.instanceFact(seenInstance(instances.get(uuid), caller, uuid).projectId, uuid);
  }

  const historyOf = (host: string, wanted: Wanted) => pageOf(subjects.hostFact(host), facts.host, wanted);

  /** What happened to a host is kept for longer than a host that is deleted. */
  async function isKnown(host: string): Promise<boolean> {
    return hosts.get(hostKey(host)) !== undefined || (await historyOf(host, { limit: 1 })).facts.length > 0;
  }

  async function pageOf<Body>(subject: string, kind: Fact<Body>, { since, marker, limit = defaultLimit }: Wanted) {
    const start = { after: marker, since: since === undefined ? undefined : parseTimestamp(since) };
    const page = new Page<{ sequence: number; fact: Body }>(limit);
    for await (const { sequence, body } of replayFacts(bus, subject, kind, start)) {
      if (body && !page.add({ sequence, fact: body })) break;
      if (page.isFull) break;
    }
    return { facts: page.entries };
  }

  on(api.fact.list, ({ uuid, ...wanted }, { caller }) => pageOf(instanceSubject(uuid, caller), facts.instance, wanted));

  on(api.host.facts, async ({ host, ...wanted }) => {
    const page = await historyOf(host, wanted);
    if (page.facts.length === 0 && !(await isKnown(host))) throw missing('host', host, '/host');
    return page;
  });
};
