/**
 * The cloud controller: between the API servers and everything else. Authorises what a caller asks, writes records,
 * and casts to the scheduler and to hosts. Any number of them share the work.
 */

import type { CallContext } from '../../transport/messages/call-context.ts';
import type { StopServing } from '../../transport/nats/call.ts';
import { serveRelayed } from '../../transport/nats/relay.ts';
import { openAuthenticator } from '../identity/authenticator.ts';
import type { ClientUsers } from '../identity/client-users.ts';
import type { ScryptCost } from '../identity/passwords.ts';
import { Inspection } from '../runtime/inspection.ts';
import type { Part, Runtime } from '../runtime/runtime.ts';
import { Admissions } from './admissions.ts';
import { aggregateWrites } from './aggregates.ts';
import { startControlSweep } from './control-sweep.ts';
import { deadLetterWrites } from './dead-letters.ts';
import { startDeletionSweep } from './deletion-sweep.ts';
import { evacuationWrites } from './evacuations.ts';
import { flavorWrites } from './flavors.ts';
import { serveHostRecords } from './host-records.ts';
import { startHostWatch } from './host-watch.ts';
import { hostWrites } from './hosts.ts';
import { startIdentitySweep } from './identity-sweep.ts';
import { startImageSweep } from './image-sweep.ts';
import { imageWrites } from './images.ts';
import { instanceChangeWrites } from './instance-changes.ts';
import { instanceEditWrites } from './instance-edits.ts';
import { instanceWrites } from './instances.ts';
import { keyPairWrites } from './key-pairs.ts';
import { LostGuests } from './lost-guests.ts';
import { natsUserWrites } from './nats-users.ts';
import { ownInstances } from './owning.ts';
import { PasswordChecks } from './password-checks.ts';
import { startPayloadSweep } from './payload-sweep.ts';
import { servePayloads } from './payloads.ts';
import { projectWrites } from './projects.ts';
import { quotaWrites } from './quotas.ts';
import { securityGroupWrites } from './security-groups.ts';
import { serverGroupWrites } from './server-groups.ts';
import { sessionWrites } from './sessions.ts';
import { StoreRoom, type StoreRoomOptions } from './store-room.ts';
import { TakenUp } from './taken-up.ts';
import { tokenWrites } from './tokens.ts';
import { userWrites } from './users.ts';
import type { ControllerWorld, OnWrite, Writes } from './writes.ts';

export interface ControllerOptions {
  /** How many hosts may be tried for a launch. Nova's scheduler_max_attempts. */
  maxAttempts?: number;
  /** Whether clients can bring images: their files need NATS's object store. */
  keepsImages?: boolean;
  /** What room the state store has, where its server does not tell. */
  storeRoom?: StoreRoomOptions;
  /** Signs the users of the bus for clients; absent: the bus has no users. */
  clientUsers?: ClientUsers | undefined;
  /** What it costs to try a password, where it is not as usual. */
  passwordCost?: ScryptCost;
}

const resources: Writes[] = [
  instanceWrites,
  instanceChangeWrites,
  instanceEditWrites,
  keyPairWrites,
  flavorWrites,
  serverGroupWrites,
  quotaWrites,
  hostWrites,
  evacuationWrites,
  aggregateWrites,
  projectWrites,
  userWrites,
  sessionWrites,
  tokenWrites,
  natsUserWrites,
  securityGroupWrites,
  deadLetterWrites,
];

export async function startController(
  runtime: Runtime,
  { maxAttempts = 3, keepsImages = true, storeRoom, clientUsers, passwordCost }: ControllerOptions = {},
): Promise<Part> {
  const authenticator = await openAuthenticator(runtime);
  const admissions = await Admissions.open(runtime);
  const lostGuests = await LostGuests.open(runtime);
  const inspection = new Inspection(runtime, 'controller');
  let isStopping = false;
  const world: ControllerWorld = {
    ...runtime,
    admissions,
    inspection,
    lostGuests,
    room: new StoreRoom(runtime, storeRoom),
    passwords: new PasswordChecks(runtime, passwordCost),
    maxAttempts,
    clientUsers,
    isStopping: () => isStopping,
  };

  const serving: StopServing[] = [];
  const on: OnWrite = (endpoint, handle) => {
    const admit = ({ caller }: CallContext) => authenticator.admitAgain(endpoint, caller);
    serving.push(serveRelayed(runtime.bus, endpoint, admit, handle));
  };
  const opened = keepsImages ? [...resources, imageWrites] : resources;
  await Promise.all(opened.map((open) => open(on, world)));
  const takenUp = new TakenUp(await ownInstances(world));
  serving.push(await servePayloads(runtime), await serveHostRecords(world, takenUp));

  const stopSweeps = await Promise.all([
    startControlSweep(world, takenUp),
    startDeletionSweep(world),
    startHostWatch(world),
    startPayloadSweep(world),
    startIdentitySweep(world),
    ...(keepsImages ? [startImageSweep(world)] : []),
  ]);
  return {
    async stop() {
      isStopping = true;
      for (const stop of stopSweeps) stop();
      lostGuests.end();
      await Promise.all(serving.map((stop) => stop()));
      admissions.end();
      inspection.stop();
    },
  };
}
