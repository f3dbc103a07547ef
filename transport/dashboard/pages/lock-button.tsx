/** Locks an instance, so that nobody commands it by mistake, or unlocks it. */
import { toFailure } from '../../../machines/failure.ts';
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { tell } from '../components/toasts.tsx';
import { put } from '../live/instances.ts';
import { isAdministrator, isMember } from '../session.ts';

export function LockButton({ instance: { uuid, lock, vmState } }: { instance: InstanceView }) {
  const mayUnlock = isAdministrator.value || lock?.by !== 'admin';
  if (!isMember.value || !mayUnlock || vmState === 'deleted') return null;

  async function toggle(): Promise<void> {
    try {
      put((await ask(lock ? api.instance.unlock : api.instance.lock, { uuid })).instance);
    } catch (error) {
      tell(toFailure(error).message, { isError: true });
    }
  }

  return (
    <button type="button" onClick={() => void toggle()}>
      {lock ? 'Unlock' : 'Lock'}
    </button>
  );
}
