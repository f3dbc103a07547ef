/** A failure story: an instance gives its ports back between the look whether it is to have some, and their making. */
import { expect, it, onTestFinished } from 'vitest';
import { AddressBook } from '../../actors/network/address-book.ts';
import { allocatePorts } from '../../actors/network/allocate.ts';
import { ensureDefaultNetwork } from '../../actors/network/default-network.ts';
import { PortBook } from '../../actors/network/port-book.ts';
import { NetworkCatalog } from '../../actors/network/port-plan.ts';
import { releasePorts } from '../../actors/network/release.ts';
import { newInstance } from '../support/records.ts';
import { startTestRuntimes } from '../support/runtimes.ts';

it('leaves neither port nor lease, and what is allocated afterwards is', async () => {
  const runtimes = await startTestRuntimes();
  onTestFinished(() => runtimes.stop());
  const runtime = await runtimes.connect();
  const { network } = await ensureDefaultNetwork(runtime);
  const [catalog, addresses, ports, instances] = await Promise.all([
    NetworkCatalog.open(runtime),
    AddressBook.open(runtime),
    PortBook.open(runtime),
    runtime.store.bucket('instance'),
  ]);
  const books = { catalog, addresses, ports, instances, clock: runtime.clock };
  onTestFinished(() => {
    for (const book of [catalog, addresses, ports]) book.close();
  });
  const networks = ['fa:16:3e:00:00:01', 'fa:16:3e:00:00:02'].map((mac) => ({ networkId: network.id, mac }));
  const instance = newInstance(runtime.chance.uuid(), { networks });
  const request = { ...instance, host: 'host1', attempt: 1 };

  const seen = ports.view.revision;
  await instances.put(instance.uuid, instance);
  await releasePorts(books, instance.uuid, 1);
  await ports.view.caughtUp();
  await expect(allocatePorts(books, request, seen)).rejects.toMatchObject({
    failure: { code: 'conflict', disposition: 'retry' },
  });
  for (const bucket of ['port', 'address'] as const)
    expect(await (await runtime.store.bucket(bucket)).keys()).toEqual([]);

  expect(await allocatePorts(books, request, ports.view.revision)).toHaveLength(2);
});
