/** How a controller owns an instance while it is being placed. */
import { provideEffects } from '../instance/effects.ts';
import { publishTransition } from '../instance/facts.ts';
import type { OwnerWorld } from '../instance/owner.ts';
import { requestPlacement } from '../instance/request-placement.ts';
import type { ControllerWorld } from './writes.ts';

export async function ownPlacing({ bus, store, clock, logger, isStopping }: ControllerWorld): Promise<OwnerWorld> {
  return {
    name: 'control',
    machine: provideEffects({ requestPlacement: requestPlacement(bus) }),
    bucket: await store.bucket('instance'),
    clock,
    logger,
    publish: (fact) => publishTransition(bus, fact),
    isStopping,
  };
}
