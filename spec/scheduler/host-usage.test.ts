import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nameUuid } from '../../actors/runtime/name-uuid.ts';
import { HostUsage } from '../../actors/scheduler/host-usage.ts';
import type { Instance } from '../../transport/messages/records.ts';
import type { Change, View } from '../../transport/nats/view.ts';
import { newInstance } from '../support/records.ts';

const hosts = ['a', 'b', 'c'];
const group = nameUuid('group', 'test');
const places = {
  scheduling: { value: 'scheduling', vmState: 'building', holds: false },
  building: { value: { building: 'claiming' }, vmState: 'building', holds: true },
  running: { value: 'running', vmState: 'active', holds: true },
  stopped: { value: 'stopped', vmState: 'stopped', holds: true },
  lost: { value: { failed: 'powering' }, vmState: 'error', holds: true },
  stuck: { value: { failed: 'releasing' }, vmState: 'error', holds: true },
  failed: { value: { failed: 'spawning' }, vmState: 'error', holds: false },
  deleted: { value: 'deleted', vmState: 'deleted', holds: false },
} as const;

/** A view's records and listener, without the bus: what is counted follows from the changes alone. */
class Changes {
  readonly records = new Map<string, { key: string; value: Instance; revision: number }>();
  #listener: (change: Change<Instance>) => void = () => undefined;
  revision = 0;

  readonly view = {
    entry: (key: string) => this.records.get(key),
    revisionOf: (key: string) => this.records.get(key)?.revision,
    entries: () => this.records.values(),
    onChange: (listener: (change: Change<Instance>) => void) => {
      this.#listener = listener;
      return () => undefined;
    },
  } as unknown as View<Instance>;

  apply(key: string, after: Instance | undefined): void {
    const before = this.records.get(key)?.value;
    this.revision++;
    if (after) this.records.set(key, { key, value: after, revision: this.revision });
    else this.records.delete(key);
    this.#listener({ key, before, after, revision: this.revision });
  }
}

const change = fc.record({
  index: fc.nat({ max: 5 }),
  host: fc.constantFrom(...hosts),
  place: fc.option(fc.constantFrom(...(Object.keys(places) as (keyof typeof places)[])), { nil: undefined, freq: 8 }),
  vcpus: fc.integer({ min: 1, max: 4 }),
  isNotedBefore: fc.boolean(),
});

it('counts what a count from the beginning would give, after whatever changes', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const source = new Changes();
      const usage = new HostUsage(source.view);
      for (const { index, host, place, vcpus, isNotedBefore } of changes) {
        const uuid = nameUuid('instance', String(index));
        const record = place && instanceIn(uuid, place, host, vcpus);
        if (record && isNotedBefore) {
          usage.note(record, source.revision + 1);
          // Noted twice is counted once.
          usage.note(record, source.revision + 1);
        }
        source.apply(uuid, record);
      }
      const afresh = new HostUsage(source.view);
      for (const host of hosts) {
        expect(usage.of(host)).toEqual(afresh.of(host));
        expect(usage.buildingOn(host)).toBe(afresh.buildingOn(host));
        const held = [...source.records.values()].filter(({ value }) => isHeldBy(value, host));
        expect(usage.of(host).instances).toBe(held.length);
        expect(usage.of(host).vcpus).toBe(held.reduce((sum, { value }) => sum + value.flavor.vcpus, 0));
        expect(usage.hostsOfGroup(group).has(host)).toBe(held.length > 0);
      }
    }),
  );
});

it('forgets a placement that did not come to pass', () => {
  const source = new Changes();
  const usage = new HostUsage(source.view);
  const uuid = nameUuid('instance', 'one');
  source.apply(uuid, instanceIn(uuid, 'scheduling', 'a', 2));
  usage.note(instanceIn(uuid, 'building', 'a', 2), source.revision + 1);
  expect(usage.of('a').vcpus).toBe(2);
  expect(usage.hostOf(uuid)).toBe('a');
  usage.recount(uuid);
  expect(usage.of('a')).toEqual({ vcpus: 0, memoryMb: 0, diskGb: 0, instances: 0 });
  expect(usage.hostOf(uuid)).toBeUndefined();
});

function instanceIn(uuid: string, place: keyof typeof places, host: string, vcpus: number): Instance {
  const { value, vmState } = places[place];
  const record = newInstance(uuid, {
    flavor: { id: '1', name: 'f', vcpus, memoryMb: 1, rootGb: 1 },
    hints: { group },
  });
  const context = { ...record.chart.context, ...(place !== 'scheduling' && { host }) };
  return { ...record, vmState, chart: { ...record.chart, value, context } };
}

function isHeldBy({ chart, vmState }: Instance, host: string): boolean {
  const place = Object.values(places).find((each) => each.vmState === vmState && isSame(each.value, chart.value));
  return place?.holds === true && chart.context.host === host;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
