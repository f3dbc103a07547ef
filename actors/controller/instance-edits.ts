/** Update, lock and unlock: what a client changes of an instance beside its life. */
import { fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { factOf, publishInstanceFact } from '../instance/facts.ts';
import { contextOf, stateOf } from '../instance/stored-chart.ts';
import { viewInstance } from '../records/instance-view.ts';
import { changedMetadata } from './changed-metadata.ts';
import { editInstance } from './edit-instance.ts';
import { locked, unlocked } from './instance-lock.ts';
import { storedInstance } from './stored-instance.ts';
import type { WriteRequest, Writes } from './writes.ts';

export const instanceEditWrites: Writes = async (on, { bus, store, clock, chance }) => {
  const [bucket, liveness] = await Promise.all([store.bucket('instance'), store.liveness()]);

  /** `change` makes the new record of the latest one, or gives that one back. */
  async function edit(
    command: 'update' | 'lock' | 'unlock',
    uuid: string,
    { caller, context }: WriteRequest,
    change: (record: Instance) => Instance,
  ) {
    const known = await storedInstance(bucket, uuid, caller);
    let isChange = false;
    const entry = await editInstance({ bucket, clock, chance }, known, (record) => {
      refuseDeleted(record, command);
      const changed = change(record);
      isChange = changed !== record;
      return isChange ? { ...changed, updatedAt: Math.max(clock.now(), record.updatedAt) } : record;
    });
    if (isChange) tell(entry.value, command, context);
    return {
      reply: { instance: viewInstance(entry.value, liveness) },
      written: [{ bucket: 'instance' as const, revision: entry.revision }],
    };
  }

  function tell(record: Instance, command: string, callContext: CallContext): void {
    const at = record.updatedAt;
    const told = { type: 'command', from: undefined, to: stateOf(record), at, record, command, callContext };
    publishInstanceFact(bus, factOf({ ...told, states: record, context: contextOf(record) }));
  }

  on(api.instance.update, ({ uuid, metadata, ...replaced }, request) =>
    edit('update', uuid, request, (record) => {
      if (metadata === undefined && Object.keys(replaced).length === 0) return record;
      return { ...record, ...replaced, metadata: changedMetadata(record.metadata, metadata ?? {}, '/metadata') };
    }),
  );
  on(api.instance.lock, ({ uuid, reason }, request) =>
    edit('lock', uuid, request, (record) => locked(record, request.caller, reason)),
  );
  on(api.instance.unlock, ({ uuid }, request) =>
    edit('unlock', uuid, request, (record) => unlocked(record, request.caller)),
  );
};

function refuseDeleted(record: Instance, command: string): void {
  if (record.vmState !== 'deleted') return;
  throw fail('conflict', `instance ${record.uuid} is deleted: ${command} is not possible any more`, {
    details: { vmState: record.vmState, command },
  });
}
