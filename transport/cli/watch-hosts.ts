/** Waits until the hosts of this process are up, over as many of its lives as that takes. */
import type { Part, Runtime } from '../../actors/runtime/runtime.ts';
import { fail } from '../../machines/failure.ts';
import { encodeToken } from '../nats/subjects.ts';
import type { View } from '../nats/view.ts';

const patienceMs = 60_000;

/**
 * Tells `areUp` which of them are, or what they lack for too long: one whose record cannot be read is not waited for. A life
 * that ends before takes its time with it: the next one watches anew, with its own view.
 */
export async function watchHosts(
  { store, clock }: Runtime,
  names: readonly string[],
  areUp: PromiseWithResolvers<readonly string[]>,
): Promise<Part> {
  const hosts = await store.view('host');
  const look = () => {
    const awaited = names.filter((name) => !isUnreadable(hosts, encodeToken(name)));
    if (awaited.every((name) => hosts.get(encodeToken(name))?.hypervisorState === 'up')) areUp.resolve(awaited);
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

function isUnreadable(view: View<unknown>, key: string): boolean {
  return view.revisionOf(key) !== undefined && view.get(key) === undefined;
}
