import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { attachDevice, detachDevice } from '../../actors/libvirt/guest-devices.ts';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';
import { buildTestImage, type TestImage } from '../../actors/setup/test-image.ts';
import { deadline, guestSpec, startTestHost } from './guests.ts';

/** Emulated boots, beside other tests. */
const bootMs = 90_000;

describe('a guest that listens', { timeout: 240_000 }, () => {
  let image: TestImage;

  beforeAll(async () => {
    image = await buildTestImage({ cacheDir: defaultCacheDir(), report: () => {} });
  });

  it('lets go of a device, restarts and powers off when it is asked to', async () => {
    await using host = await startTestHost('qemu', { boot: image });
    const { hypervisor, disks, folder } = host;
    const { client } = hypervisor;
    const base = guestSpec();
    const guest = guestSpec({
      uuid: base.uuid,
      flavor: { ...base.flavor, memoryMb: 96 },
      image: { ...base.image, kernelArguments: image.kernelArguments },
    });
    const { uuid } = guest;
    const boots = async () => (await hypervisor.consoleLog(uuid, 1_000_000)).split('kilonova-guest: ready').length - 1;
    await disks.create(guest, deadline());
    await hypervisor.createDomain(guest, deadline());
    await hypervisor.waitForBoot(uuid, deadline());
    await expect.poll(boots, { timeout: bootMs, interval: 100 }).toBe(1);

    const volume = join(folder, 'volume');
    await writeFile(volume, Buffer.alloc(1024 * 1024));
    const alias = 'ua-volume-1';
    const xml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${volume}'/>
      <target dev='vdb' bus='virtio'/><alias name='${alias}'/></disk>`;
    for (const change of [attachDevice, attachDevice, detachDevice, detachDevice]) {
      await change(client, uuid, { alias, xml }, deadline());
      const domain = await client.domainByUuid(uuid);
      if (domain === undefined) throw new Error('the domain is gone');
      for (const isOfNextStart of [true, false]) {
        expect((await client.domainXml(domain, isOfNextStart)).includes(alias)).toBe(change === attachDevice);
      }
    }

    await hypervisor.reboot(uuid, 'soft', deadline(bootMs));
    await expect.poll(boots, { timeout: bootMs, interval: 100 }).toBe(2);

    await hypervisor.stop(uuid, bootMs, deadline(bootMs));
    // VIR_DOMAIN_SHUTOFF_SHUTDOWN: by itself, not by the plug.
    expect(await client.look(uuid)).toMatchObject({ powerState: 'shutdown', reason: 1 });
  });
});
