/** Waits until the hosts of this process are up, over as many of its lives as that takes. */
import type { Part, Runtime } from '../../actors/runtime/runtime.ts';
import { fail } from '../../machines/failure.ts';
import { encodeToken } from '../nats/subjects.ts';

const patienceMs = 60_000;

/**
 * Tells `areUp` of it, or of what they lack for too long. A life that ends before takes its time with it: the next one
 * watches anew, with its own view.
 */
export async function watchHosts(
  { store, clock }: Runtime,
  names: readonly string[],
  areUp: PromiseWithResolvers<void>,
): Promise<Part> {
  const hosts = await store.view('host');
  const look = () => {
    if (names.every((name) => hosts.get(encodeToken(name))?.hypervisorState === 'up')) areUp.resolve();
  };
  const stopLooking = hosts.onChange(look);
  const cancel = clock.after(patienceMs, () =>
    areUp.reject(
      fail('hypervisor_unavailable', `the hypervisor could not be connected to within ${patienceMs / 1000} s`),
    ),
  );
  look();
  return {
    async stop() {
      stopLooking();
      cancel();
    },
  };
}
