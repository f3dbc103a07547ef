/**
 * A hypervisor as one process knows it: when the process is dead, it hears nothing of it any more, and what it has asked for
 * ends with its connection, not with that of the process that follows it.
 */
import type { Hypervisor } from '../../actors/hypervisor/hypervisor.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** `isTaken`: another process has the connection by now, which this one leaves alone. */
export function severable(hypervisor: Hypervisor, process: SimulatedProcess, isTaken: () => boolean): Hypervisor {
  return new Proxy(hypervisor, {
    get(target, name) {
      if (name === 'close' && isTaken()) return async () => {};
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]) => {
        const heard = given.map((each) => {
          if (each instanceof AbortSignal) return AbortSignal.any([each, process.disconnected]);
          return typeof each === 'function' ? (...event: unknown[]) => process.run(() => each(...event)) : each;
        });
        const result: unknown = Reflect.apply(member, target, heard);
        return result instanceof Promise ? answered(result, process) : result;
      };
    },
  });
}

/** Settles as the promise does, as long as there is somebody to hear of it. */
function answered<T>(promise: Promise<T>, process: SimulatedProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    promise.then(
      (value) => process.run(() => resolve(value)),
      (error) => process.run(() => reject(error)),
    );
  });
}
