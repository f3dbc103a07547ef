/** What a cloud controller does for clients: one list of handlers a resource. */
import type { Endpoint } from '../../transport/messages/api/endpoint.ts';
import type { CallContext, Caller } from '../../transport/messages/call-context.ts';
import type { Outcome } from '../../transport/nats/relay.ts';
import type { ClientUsers } from '../identity/client-users.ts';
import type { Inspection } from '../runtime/inspection.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Admissions } from './admissions.ts';
import type { LostGuests } from './lost-guests.ts';
import type { PasswordChecks } from './password-checks.ts';
import type { StoreRoom } from './store-room.ts';

export interface WriteRequest {
  caller: Caller;
  context: CallContext;
}

/** Registers what does an endpoint's work. */
export type OnWrite = <Q, R>(
  endpoint: Endpoint<Q, R>,
  handle: (body: Q, request: WriteRequest) => Promise<Outcome<R>>,
) => void;

/** What the handlers of one controller share. */
export interface ControllerWorld extends Runtime {
  readonly admissions: Admissions;
  readonly inspection: Inspection;
  readonly lostGuests: LostGuests;
  readonly room: StoreRoom;
  readonly passwords: PasswordChecks;
  /** How many hosts may be tried for a launch. */
  readonly maxAttempts: number;
  /** Absent: the bus has no users. */
  readonly clientUsers?: ClientUsers | undefined;
  isStopping(): boolean;
}

/** Opens what a resource needs, and registers its endpoints. */
export type Writes = (on: OnWrite, world: ControllerWorld) => Promise<void> | void;
