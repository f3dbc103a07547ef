/**
 * Tells when the power state of any domain on the host changed, whoever changed it. An event of libvirt is only the
 * reason to look: events come in any order and get lost with the link, while what one sees by looking is true.
 */
import type { PowerState } from '../../machines/instance.ts';
import type { LibvirtClient } from './libvirt-client.ts';

export class PowerWatch {
  readonly #client: LibvirtClient;
  readonly #report: (uuid: string, powerState: PowerState | 'absent') => void;
  readonly #known = new Map<string, PowerState>();
  /** Domains being looked at; `true` when something happened to them since. */
  readonly #looking = new Map<string, boolean>();

  constructor(client: LibvirtClient, report: (uuid: string, powerState: PowerState | 'absent') => void) {
    this.#client = client;
    this.#report = report;
  }

  /** Something happened to this domain. Several events in a row cost one or two looks. */
  async notice(uuid: string): Promise<void> {
    const isLooking = this.#looking.has(uuid);
    this.#looking.set(uuid, isLooking);
    if (isLooking) return;
    try {
      do {
        this.#looking.set(uuid, false);
        const look = await this.#client.look(uuid);
        this.#learn(uuid, look?.powerState ?? 'absent');
      } while (this.#looking.get(uuid));
    } catch {
      // The link dropped or will, for keepalive ends one that is stuck; all is looked at again when it is back.
    } finally {
      this.#looking.delete(uuid);
    }
  }

  /** Fills in what happened while there was no link. The first time, there is nothing to compare with. */
  async resync(isFirst: boolean): Promise<void> {
    const looks = await this.#client.domains();
    const present = new Set(looks.map((look) => look.ref.uuid));
    for (const { ref, powerState } of looks) {
      if (isFirst) this.#known.set(ref.uuid, powerState);
      else this.#learn(ref.uuid, powerState);
    }
    for (const uuid of [...this.#known.keys()]) {
      // Looked at once more: it may have been defined since the list was made.
      if (!present.has(uuid)) await this.notice(uuid);
    }
  }

  #learn(uuid: string, powerState: PowerState | 'absent'): void {
    if ((this.#known.get(uuid) ?? 'absent') === powerState) return;
    if (powerState === 'absent') this.#known.delete(uuid);
    else this.#known.set(uuid, powerState);
    this.#report(uuid, powerState);
  }
}
