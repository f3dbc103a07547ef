/** What the launch form holds, and the request that it stands for. */
import { type Signal, signal } from '@preact/signals';
import type { CreateInstance } from '../../messages/api/instance.ts';
import type { MetadataLines } from './metadata-lines.ts';

/** As it was typed. What is empty is not asked for. */
export class LaunchForm {
  readonly name = signal('');
  readonly image = signal('');
  readonly flavor = signal('');
  readonly count = signal('1');
  readonly keyName = signal('');
  readonly zone = signal('');
  readonly networks = signal<readonly string[]>([]);
  readonly securityGroups = signal<readonly string[]>([]);
  readonly userData = signal('');
  readonly metadata = signal<MetadataLines>([]);
  readonly #fixedIps = new Map<string, Signal<string>>();
  #sent: { text: string; clientToken: string } | undefined;

  /** So many at once; as a text that is no number it is none. */
  get wanted(): number {
    const count = Number(this.count.value);
    return Number.isInteger(count) && count > 0 ? count : 0;
  }

  /** The address to have in a network; of one that is not chosen it is not asked for. */
  fixedIpIn(network: string): Signal<string> {
    const fixedIp = this.#fixedIps.get(network) ?? signal('');
    this.#fixedIps.set(network, fixedIp);
    return fixedIp;
  }

  /** Not checked yet: what is missing is left out. */
  request(): Partial<CreateInstance> {
    const [count, networks, groups] = [this.count.value.trim(), this.networks.value, this.securityGroups.value];
    const metadata = this.metadata.value;
    return {
      ...text('name', this.name),
      ...text('image', this.image),
      ...text('flavor', this.flavor),
      ...text('keyName', this.keyName),
      ...text('availabilityZone', this.zone),
      ...(networks.length > 0 && { networks: networks.map((network) => this.#portIn(network)) }),
      ...(groups.length > 0 && { securityGroups: [...groups] }),
      ...(this.userData.value !== '' && { userData: toBase64(this.userData.value) }),
      ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }),
      ...(count !== '1' && { minCount: Number(count || Number.NaN) }),
    };
  }

  /** As it is sent: again, when nobody has answered, it is the same launch and not another one. */
  tokenedRequest(): Partial<CreateInstance> {
    const request = this.request();
    const text = JSON.stringify(request);
    if (this.#sent?.text !== text) this.#sent = { text, clientToken: randomToken() };
    return { ...request, clientToken: this.#sent.clientToken };
  }

  #portIn(network: string) {
    const fixedIp = this.fixedIpIn(network).value.trim();
    return { network, ...(fixedIp !== '' && { fixedIp }) };
  }
}

function text<Key extends keyof CreateInstance>(key: Key, { value }: Signal<string>): Partial<CreateInstance> {
  return value === '' ? {} : { [key]: value };
}

/** A page that came without encryption has no other source of them. */
function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function toBase64(value: string): string {
  return btoa(Array.from(new TextEncoder().encode(value), (byte) => String.fromCharCode(byte)).join(''));
}
