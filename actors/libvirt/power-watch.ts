/**
 * Tells when the power state of any domain on the host changed, whoever changed it. An event of libvirt is only the
 * reason to look: events come in any order and get lost with the link, while what one sees by looking is true.
 */
import type { PowerState } from '../../machines/instance.ts';
import type { GuestReport } from '../hypervisor/hypervisor.ts';
import type { DomainLook, LibvirtClient } from './libvirt-client.ts';
import { reasonOfEvent, reasonOfState } from './power-reasons.ts';

export class PowerWatch {
  readonly #client: LibvirtClient;
  readonly #report: (report: GuestReport) => void;
  readonly #known = new Map<string, PowerState>();
  /** Domains being looked at; `true` when something happened to them since. */
  readonly #looking = new Map<string, boolean>();
  /** What the events said of domains that are being looked at, and that looking does not show. */
  readonly #reasons = new Map<string, string>();

  constructor(client: LibvirtClient, report: (report: GuestReport) => void) {
    this.#client = client;
    this.#report = report;
  }

  /** Something happened to this domain: one of lifecycleKinds. Several events in a row cost one or two looks. */
  async notice(uuid: string, { kind, detail }: { kind: number; detail: number }): Promise<void> {
    const reason = reasonOfEvent(kind, detail);
    if (reason !== undefined) this.#reasons.set(uuid, reason);
    await this.#lookAt(uuid);
  }

  async #lookAt(uuid: string): Promise<void> {
    const isLooking = this.#looking.has(uuid);
    this.#looking.set(uuid, isLooking);
    if (isLooking) return;
    try {
      do {
        this.#looking.set(uuid, false);
        this.#learn(uuid, await this.#client.look(uuid));
      } while (this.#looking.get(uuid));
    } catch {
      // The link dropped or will, for keepalive ends one that is stuck; all is looked at again when it is back.
    } finally {
      this.#looking.delete(uuid);
      this.#reasons.delete(uuid);
    }
  }

  /** Fills in what happened while there was no link. The first time, there is nothing to compare with. */
  async resync(isFirst: boolean): Promise<void> {
    const looks = await this.#client.domains();
    const present = new Set(looks.map((look) => look.ref.uuid));
    for (const look of looks) {
      if (isFirst) this.#known.set(look.ref.uuid, look.powerState);
      else this.#learn(look.ref.uuid, look);
    }
    for (const uuid of [...this.#known.keys()]) {
      // Looked at once more: it may have been defined since the list was made.
      if (!present.has(uuid)) await this.#lookAt(uuid);
    }
  }

  #learn(uuid: string, look: DomainLook | undefined): void {
    if (this.#known.get(uuid) === look?.powerState) return;
    if (look) this.#known.set(uuid, look.powerState);
    else this.#known.delete(uuid);
    const reason = this.#reasons.get(uuid) ?? (look && reasonOfState(look));
    this.#report({ uuid, powerState: look?.powerState ?? 'absent', ...(reason !== undefined && { reason }) });
  }
}
