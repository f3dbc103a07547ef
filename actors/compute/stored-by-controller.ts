/**
 * Where a host stores its instances: with a controller, which lets it go on with those that are its own, and with no
 * others. What is stored it reads itself.
 */
import { FailureError, fail } from '../../machines/failure.ts';
import { controllerCalls } from '../../transport/messages/internal.ts';
import type { Instance } from '../../transport/messages/records.ts';
import { type Bucket, conflict } from '../../transport/nats/bucket.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { request } from '../../transport/nats/call.ts';
import { writeContext } from '../../transport/nats/call-context.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { InstanceStore } from '../instance/instance-store.ts';
import { lifeOf } from '../instance/life.ts';

const kind = controllerCalls.storeInstance;

export function storedByController(bus: Bus, host: string, bucket: Bucket<Instance>): InstanceStore {
  const subject = subjects.hostCall('controller', host, kind.name);
  return {
    get: (uuid) => bucket.get(uuid),
    async store(record, revision, facts, context) {
      const asked = { life: lifeOf(record), revision, facts };
      try {
        const { revision: stored = conflict } = await request(bus, subject, kind, asked, writeContext(context));
        return stored;
      } catch (error) {
        throw orRefused(error);
      }
    },
  };
}

/** What this controller refuses another may take, of another release: the instance stays this host's, with all it holds. */
function orRefused(error: unknown): unknown {
  if (!(error instanceof FailureError) || error.failure.code !== 'invalid_request') return error;
  const { message, details } = error.failure;
  const why = `the controller takes no such life of an instance: ${message}`;
  return fail('unavailable', why, { disposition: 'retry', cause: error.failure, ...(details && { details }) });
}
