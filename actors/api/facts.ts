/** What happened to instances, read again from the stream of facts. */
import type { FactView } from '../../transport/messages/api/fact.ts';
import { api } from '../../transport/messages/api.ts';
import type { Caller } from '../../transport/messages/call-context.ts';
import { facts } from '../../transport/messages/internal.ts';
import { replayFacts } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { seenInstance } from '../records/lookup.ts';
import { Page } from '../records/paging.ts';
import { parseTimestamp } from '../records/timestamp.ts';
import type { Reads } from './reads.ts';

/** How many are listed when nothing is said. */
const defaultLimit = 100;

export const factReads: Reads = async (on, { bus, store }) => {
  const instances = await store.view('instance');

  function subjectOf(uuid: string | undefined, caller: Caller): string {
    if (uuid === undefined) return subjects.instanceFacts(caller.projectId);
    return subjects.instanceFact(seenInstance(instances.get(uuid), caller, uuid).projectId, uuid);
  }

  on(api.fact.list, async ({ uuid, since, marker, limit = defaultLimit }, { caller }) => {
    const start = { after: marker, since: since === undefined ? undefined : parseTimestamp(since) };
    const page = new Page<FactView>(limit);
    for await (const { sequence, body } of replayFacts(bus, subjectOf(uuid, caller), facts.instance, start)) {
      if (body && !page.add({ sequence, fact: body })) break;
      if (page.isFull) break;
    }
    return { facts: page.entries };
  });
};
