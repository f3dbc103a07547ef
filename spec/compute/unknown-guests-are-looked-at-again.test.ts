/** What a host has not decided is looked at again every now and then, and nothing else is asked of its hypervisor for that. */
import { expect, it } from 'vitest';
import { computeCasts } from '../../transport/messages/internal.ts';
import { newContext } from '../../transport/nats/call-context.ts';
import { cast } from '../../transport/nats/cast.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { guestSpec } from '../libvirt/guests.ts';
import { HeldClock } from '../support/held-clock.ts';
import { rawBucket } from '../support/raw-bucket.ts';
import { eventually } from '../support/test-cloud.ts';
import { startRecoveryCloud } from './support.ts';

const { signal } = new AbortController();
const kind = computeCasts.forgetInstance;

async function startWithUnknownGuest() {
  const clock = new HeldClock();
  const recovery = await startRecoveryCloud({}, clock);
  const { cloud, hypervisor, launch, startHost, stopHost } = recovery;
  await launch();
  await stopHost();
  const { uuid } = guestSpec();
  await hypervisor.createDisks(guestSpec({ uuid }), signal);
  await startHost();
  const hosts = await cloud.runtime.store.view('host');
  const isUnknown = () => hosts.get('host1')?.unknownGuests?.includes(uuid) ?? false;
  await eventually(() => isUnknown() || undefined);
  /** Of whom each look was, and how many were under way at most. */
  const looks: { among: string[] | undefined }[] = [];
  let underWay = 0;
  let most = 0;
  const list = hypervisor.listGuests.bind(hypervisor);
  hypervisor.listGuests = async (given, among) => {
    looks.push({ among: among && [...among] });
    underWay += 1;
    most = Math.max(most, underWay);
    return list(given, among).finally(() => {
      underWay -= 1;
    });
  };
  return { ...recovery, clock, uuid, isUnknown, looks, most: () => most };
}

it('only the unknown ones are, one look after the other', async () => {
  const { cloud, hypervisor, launch, clock, uuid, looks, most } = await startWithUnknownGuest();
  const goOn = hypervisor.hang('listGuests');
  const { bus } = cloud.runtime;
  const other = guestSpec().uuid;
  await cast(
    bus,
    subjects.computeCast('host1', kind.name),
    kind,
    { uuid: other },
    { id: 'once', context: newContext() },
  );
  await eventually(() => looks.length === 1 || undefined);
  await eventually(() => clock.endWaits() || undefined);
  // A second look would have begun by then.
  await launch();
  expect(most()).toBe(1);
  goOn();
  await eventually(() => looks.length === 2 || undefined);
  expect([most(), looks]).toEqual([1, [{ among: [other] }, { among: [uuid] }]]);
});

it('one whose record cannot be read meanwhile stays unknown', async () => {
  const { cloud, launch, clock, uuid, looks, isUnknown } = await startWithUnknownGuest();
  const { bus, store } = cloud.runtime;
  await (await rawBucket(bus, await store.bucket('instance'))).put(uuid, '{');
  await eventually(() => {
    clock.endWaits();
    return looks.length >= 2 || undefined;
  });
  await launch();
  expect(isUnknown()).toBe(true);
});
