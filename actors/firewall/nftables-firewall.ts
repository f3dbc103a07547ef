/**
 * Keeps guests from pretending to be others, with nftables in one own table of the bridge family: libvirt's
 * clean-traffic filter and Neutron's port security, without their dozens of calls for each interface.
 *
 *     table bridge kilonova
 *       map taps              tap's name -> goto the instance's chain: an instance is in force when its taps are here
 *       chain prerouting      looks each frame's tap up in the map, whatever the number of instances
 *       chain i_<uuid>        the rules of one instance, for all its taps
 *
 * Each change is one `nft -f -`, which the kernel does wholly or not at all, and repeats what it stands on (table, map,
 * base chain), so that rules somebody has flushed are back with the next call. Nothing is kept in memory: what is to
 * be removed is read from the kernel. Aborting leaves either the old rules or the new.
 *
 * Needs nft (nftables), CAP_NET_ADMIN and a kernel with nf_tables for bridges.
 */
import { FailureError, fail } from '../../machines/failure.ts';
import type { PluggedGuest } from '../hypervisor/hypervisor.ts';
import { tapName } from '../hypervisor/tap-name.ts';
import { runInNamespace } from '../process/in-namespace.ts';
import { commandTrouble } from '../process/run-command.ts';
import { SerialQueue } from '../process/serial-queue.ts';
import { antiSpoofingRules, checkFilterable } from './anti-spoofing.ts';
import type { Firewall } from './firewall.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tablePattern = /^[a-z][a-z0-9_]{0,30}$/;
/** Before any other bridge filter, connection tracking, and DNAT. */
const priority = -350;
const deadlineMs = 60_000;

export interface NftablesFirewallOptions {
  /** The table's name; `kilonova` unless said otherwise. Two agents on one host need two. */
  table?: string;
  /** Where the bridges live, instead of the process's own network namespace. */
  networkNamespace?: string;
  /** Name on PATH, or path, of nft. */
  nft?: string;
}

export class NftablesFirewall implements Firewall {
  readonly #table: string;
  readonly #namespace: string | undefined;
  readonly #nft: string;
  /** Reading what to remove and removing it must not be interleaved. */
  readonly #queue = new SerialQueue();

  constructor(options: NftablesFirewallOptions = {}) {
    this.#table = options.table ?? 'kilonova';
    this.#namespace = options.networkNamespace;
    this.#nft = options.nft ?? 'nft';
    if (!tablePattern.test(this.#table)) throw new Error(`not a name for an nft table: ${this.#table}`);
  }

  async setupBasicFiltering(signal: AbortSignal): Promise<void> {
    await this.#change(signal, () => this.#basics());
  }

  async prepareInstanceFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void> {
    const chain = chainName(guest.uuid);
    guest.ports.forEach(checkFilterable);
    await this.#change(signal, () => [...this.#basics(), ...this.#rules(chain, guest)]);
  }

  async applyInstanceFilter(guest: PluggedGuest, signal: AbortSignal): Promise<void> {
    const chain = chainName(guest.uuid);
    guest.ports.forEach(checkFilterable);
    const taps = guest.ports.map((port) => tapName(port.id));
    await this.#change(signal, async () => {
      // A tap of an earlier owner of the port, or one this instance no longer has, would make nft refuse or stay.
      const stale = (await this.#elements(signal)).filter(({ tap, target }) =>
        taps.includes(tap) ? target !== chain : target === chain,
      );
      return [
        ...this.#basics(),
        ...this.#rules(chain, guest),
        ...stale.map(({ tap }) => `delete element bridge ${this.#table} taps { "${tap}" }`),
        ...taps.map((tap) => `add element bridge ${this.#table} taps { "${tap}" : goto ${chain} }`),
      ];
    });
  }

  async removeInstanceFilter(uuid: string, signal: AbortSignal): Promise<void> {
    const chain = chainName(uuid);
    await this.#change(signal, async () => {
      const own = (await this.#elements(signal)).filter(({ target }) => target === chain);
      return [
        ...this.#basics(),
        ...own.map(({ tap }) => `delete element bridge ${this.#table} taps { "${tap}" }`),
        // Making it first is how one deletes what may not be there.
        `add chain bridge ${this.#table} ${chain}`,
        `flush chain bridge ${this.#table} ${chain}`,
        `delete chain bridge ${this.#table} ${chain}`,
      ];
    });
  }

  async listInstanceFilters(signal: AbortSignal): Promise<string[]> {
    const { nftables } = JSON.parse(await this.#run(['-j', 'list', 'chains', 'bridge'], signal)) as {
      nftables: { chain?: { table: string; name: string } }[];
    };
    return nftables.flatMap(({ chain }) => (chain?.table === this.#table ? uuidsOf(chain.name) : []));
  }

  #basics(): string[] {
    const table = this.#table;
    return [
      `add table bridge ${table}`,
      `add map bridge ${table} taps { type ifname : verdict ; }`,
      `add chain bridge ${table} prerouting { type filter hook prerouting priority ${priority} ; policy accept ; }`,
      `flush chain bridge ${table} prerouting`,
      `add rule bridge ${table} prerouting iifname vmap @taps`,
    ];
  }

  #rules(chain: string, guest: PluggedGuest): string[] {
    const at = `bridge ${this.#table} ${chain}`;
    const rules = guest.ports.flatMap((port) =>
      antiSpoofingRules(port).map((rule) => `add rule ${at} iifname "${tapName(port.id)}" ${rule}`),
    );
    return [`add chain ${at}`, `flush chain ${at}`, ...rules];
  }

  async #change(signal: AbortSignal, script: () => string[] | Promise<string[]>): Promise<void> {
    await this.#queue.run('', signal, async () => {
      const lines = await script();
      await this.#run(['-f', '-'], signal, `${lines.join('\n')}\n`);
    });
  }

  /** What the map holds; nothing when the table is not there. */
  async #elements(signal: AbortSignal): Promise<TapElement[]> {
    try {
      return parseElements(await this.#run(['-j', 'list', 'map', 'bridge', this.#table, 'taps'], signal));
    } catch (thrown) {
      const cause = thrown instanceof FailureError ? thrown.failure.cause : undefined;
      if (cause && /No such file or directory/.test(commandTrouble(cause)?.stderr ?? '')) return [];
      throw thrown;
    }
  }

  async #run(args: string[], signal: AbortSignal, input?: string): Promise<string> {
    try {
      return (await runInNamespace(this.#namespace, this.#nft, args, { signal, input, deadlineMs })).stdout;
    } catch (thrown) {
      throw withRemedy(thrown);
    }
  }
}

interface TapElement {
  tap: string;
  target: string;
}

/** Hyphens end a name in nft's grammar. */
function chainName(uuid: string): string {
  if (!uuidPattern.test(uuid)) {
    throw fail('invalid_request', 'the instance has no valid uuid', { details: { field: 'uuid' } });
  }
  return `i_${uuid.replaceAll('-', '')}`;
}

/** None, when it is not the chain of an instance. */
function uuidsOf(chain: string): string[] {
  const parts = /^i_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(chain);
  return parts ? [parts.slice(1).join('-')] : [];
}

/** The `elem` of libnftables-json(5): pairs of a tap and `{ goto: { target } }`. */
function parseElements(json: string): TapElement[] {
  const { nftables } = JSON.parse(json) as {
    nftables: { map?: { elem?: [tap: string, verdict: { goto?: { target: string } }][] } }[];
  };
  return nftables.flatMap(({ map }) =>
    (map?.elem ?? []).map(([tap, verdict]) => ({ tap, target: verdict.goto?.target ?? '' })),
  );
}

function withRemedy(thrown: unknown): unknown {
  const failure = thrown instanceof FailureError ? thrown.failure : undefined;
  const trouble = failure && commandTrouble(failure);
  if (!failure || !trouble) return thrown;
  const remedy = remedyFor(trouble.trouble, trouble.stderr);
  return fail('hypervisor_error', remedy ? `${failure.message}; ${remedy}` : failure.message, {
    disposition: 'reschedule',
    cause: failure,
  });
}

function remedyFor(trouble: string, stderr: string): string | undefined {
  if (trouble === 'missing') return 'install nftables';
  if (/Operation not permitted/.test(stderr)) return 'run the agent as root, or give it CAP_NET_ADMIN';
  if (/not supported/.test(stderr)) return 'load a kernel with nf_tables for the bridge family';
  return undefined;
}
