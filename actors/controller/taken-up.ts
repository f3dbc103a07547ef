/** The instances of the control plane that this process acts for, so that it begins none of them twice. */
import type { CallContext } from '../../transport/messages/call-context.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Entry } from '../../transport/nats/bucket.ts';
import { InstanceOwner, type OwnerWorld } from '../instance/owner.ts';

export class TakenUp {
  readonly #world: OwnerWorld;
  readonly #inHand = new Map<string, InstanceOwner>();

  constructor(owners: OwnerWorld) {
    const letGo = (owner: InstanceOwner) => {
      if (this.#inHand.get(owner.uuid) === owner) this.#inHand.delete(owner.uuid);
    };
    this.#world = { ...owners, onSettle: letGo, onRelease: letGo };
  }

  /** Goes on with an instance from where it is stored. A no-op for one that is being gone on with from there. */
  takeUp({ key, value, revision }: Entry<Instance>, context?: CallContext): void {
    const known = this.#inHand.get(key);
    // One that is behind has lost the instance, and is going to learn so.
    if (known && known.revision >= revision) return;
    const owner = new InstanceOwner(this.#world, value, revision, context);
    this.#inHand.set(key, owner);
    owner.start();
  }
}
