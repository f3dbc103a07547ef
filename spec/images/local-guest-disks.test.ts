/** Guest disks with the real qemu-img and genisoimage, in real folders. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GuestSpec, ImageFile } from '../../actors/hypervisor/hypervisor.ts';
import { refusalOf } from '../../actors/images/image-inspection.ts';
import { LocalGuestDisks } from '../../actors/images/local-guest-disks.ts';
import { runCommand } from '../../actors/process/run-command.ts';
import { mayMount, mountSmallDisk } from '../support/small-disk.ts';
import { failureOf, guestSpec, imageFile, MemorySource, never, temporaryFolder, uuid } from './fixtures.ts';

const mib = 1024 * 1024;

async function setup() {
  const directory = join(await temporaryFolder(), 'state');
  const source = new MemorySource();
  return { directory, source, disks: new LocalGuestDisks({ directory, source }) };
}

/** The bytes of an image that qemu-img makes with these arguments before its name. */
async function qcow2(size: string | undefined, ...args: string[]): Promise<Buffer> {
  const path = join(await temporaryFolder(), 'image.qcow2');
  await runCommand('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, path, ...(size ? [size] : [])]);
  return await readFile(path);
}

function withDisk(n: number, disk: ImageFile, rootGb = 0, diskFormat: 'qcow2' | 'raw' = 'qcow2'): GuestSpec {
  const guest = guestSpec(n);
  return {
    ...guest,
    flavor: { ...guest.flavor, rootGb },
    image: { id: 'image', name: 'image', diskFormat, disk },
  };
}

async function info(path: string | undefined): Promise<Record<string, unknown>> {
  const { stdout } = await runCommand('qemu-img', ['info', '--output=json', path ?? '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function cached(directory: string): Promise<string[]> {
  return await readdir(join(directory, 'cache')).catch(() => []);
}

test('twenty guests at once download their image once', async () => {
  const { directory, source, disks } = await setup();
  const image = source.add(await qcow2('16M'));
  const guests = Array.from({ length: 20 }, (_, n) => withDisk(n, image));
  const made = await Promise.all(guests.map((guest) => disks.create(guest, never)));
  expect(source.opened).toEqual([image.sha256]);
  expect(await cached(directory)).toEqual([image.sha256]);
  expect(new Set(made.map((files) => files.disk)).size).toBe(20);
  expect(await info(made[7]?.disk)).toMatchObject({
    format: 'qcow2',
    'virtual-size': 16 * mib,
    'backing-filename': join('..', '..', 'cache', image.sha256),
    'backing-filename-format': 'qcow2',
  });
}, 60_000);

test('a root disk has the size of the flavor, and that of the image when the flavor says 0', async () => {
  const { source, disks } = await setup();
  const image = source.add(await qcow2('16M'));
  const one = await disks.create(withDisk(1, image, 1), never);
  const zero = await disks.create(withDisk(2, image, 0), never);
  expect(await info(one.disk)).toMatchObject({ 'virtual-size': 1024 * mib });
  expect(await info(zero.disk)).toMatchObject({ 'virtual-size': 16 * mib });
});

test('an image larger than the root disk is too large', async () => {
  const { source, disks } = await setup();
  const image = source.add(await qcow2('1025M'));
  expect(await failureOf(disks.create(withDisk(1, image, 1), never))).toMatchObject({ code: 'image_too_large' });
});

test('repeating keeps every file, and a new process makes only what is missing', async () => {
  const { directory, source, disks } = await setup();
  const guest = withDisk(1, source.add(await qcow2('16M')));
  const files = await disks.create(guest, never);
  const inodes = async () =>
    await Promise.all([files.disk ?? '', files.configDrive].map(async (path) => (await stat(path)).ino));
  const before = await inodes();
  await disks.create(guest, never);
  await new LocalGuestDisks({ directory, source }).create(guest, never);
  expect(await inodes()).toEqual(before);
  expect(source.opened).toHaveLength(1);
});

test('guests with any files are listed, also with half-made ones, until they are removed', async () => {
  const { directory, source, disks } = await setup();
  expect(await disks.list()).toEqual([]);
  const guest = withDisk(1, source.add(await qcow2('16M')));
  await disks.create(guest, never);
  const begun = withDisk(2, source.add(await qcow2('16M'))).uuid;
  await mkdir(join(directory, 'instances', begun));
  expect((await disks.list()).toSorted()).toEqual([guest.uuid, begun].toSorted());
  for (const uuid of [guest.uuid, begun]) await disks.remove(uuid, never);
  expect(await disks.list()).toEqual([]);
});

test('half-made files of a crashed process do not count', async () => {
  const { directory, source, disks } = await setup();
  const guest = withDisk(1, source.add(await qcow2('16M')));
  const files = disks.files(guest);
  await mkdir(join(directory, 'instances', guest.uuid), { recursive: true });
  await writeFile(`${files.disk}.partial`, 'half');
  await writeFile(`${files.configDrive}.partial`, 'half');
  await mkdir(`${files.configDrive}.input`);
  await disks.create(guest, never);
  const left = await readdir(join(directory, 'instances', guest.uuid));
  expect(left.toSorted()).toEqual(['config-drive.iso', 'disk.qcow2']);
});

test('kernel and ramdisk come straight from the cache', async () => {
  const { directory, source, disks } = await setup();
  const [kernel, ramdisk] = [source.add(randomBytes(300_000)), source.add(randomBytes(70_000))];
  const image = { id: 'i', name: 'i', diskFormat: 'none', kernel, ramdisk } as const;
  const files = await disks.create(guestSpec(1, { image }), never);
  expect(files.disk).toBeUndefined();
  expect(files.kernel).toBe(join(directory, 'cache', kernel.sha256));
  expect(imageFile(await readFile(files.ramdisk ?? ''))).toEqual(ramdisk);
});

test.each([
  ['that ends early', (bytes: Buffer) => bytes.subarray(0, -1)],
  ['that goes on', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])],
  ['with another byte', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([7])])],
])('a download %s is refused and leaves nothing', async (_, spoil) => {
  const { directory, source, disks } = await setup();
  const bytes = Buffer.concat([await qcow2('16M'), Buffer.alloc(1)]);
  const image = imageFile(bytes);
  source.add(spoil(bytes), image.sha256);
  expect(await failureOf(disks.create(withDisk(1, image), never))).toMatchObject({ code: 'image_unavailable' });
  expect(await cached(directory)).toEqual([]);
});

test('an image that came broken is downloaded anew the next time', async () => {
  const { source, disks } = await setup();
  const bytes = await qcow2('16M');
  const image = imageFile(bytes);
  source.add(bytes.subarray(1), image.sha256);
  await failureOf(disks.create(withDisk(1, image), never));
  source.add(bytes);
  await disks.create(withDisk(1, image), never);
  expect(source.opened).toHaveLength(2);
});

test('a qcow2 image with encryption is refused', async () => {
  const { source, disks } = await setup();
  const bytes = await qcow2('1M');
  // crypt_method: LUKS. To have qemu-img encrypt takes it a benchmark of the processor, which a busy machine fails.
  bytes.writeUInt32BE(2, 32);
  const failure = await failureOf(disks.create(withDisk(1, source.add(bytes)), never));
  expect(failure).toMatchObject({ code: 'image_unavailable', message: expect.stringContaining('encrypted') });
});

test.each([
  ['a backing file', 'names a backing file', undefined, ['-b', '/etc/hostname', '-F', 'raw']],
  ['a data file', 'names a data file', '1M', ['-o', 'data_file=DATA']],
])(
  'a qcow2 image with %s is refused',
  async (_, reason, size, args) => {
    const { source, disks } = await setup();
    const data = join(await temporaryFolder(), 'data');
    const image = source.add(await qcow2(size, ...args.map((arg) => arg.replace('DATA', data))));
    const failure = await failureOf(disks.create(withDisk(1, image), never));
    expect(failure).toMatchObject({ code: 'image_unavailable' });
    expect(failure.message).toContain(reason);
  },
  30_000,
);

test('a raw image that poses as qcow2 stays raw', async () => {
  const { source, disks } = await setup();
  const image = source.add(await qcow2(undefined, '-b', '/etc/hostname', '-F', 'raw'));
  const files = await disks.create(withDisk(1, image, 0, 'raw'), never);
  expect(await info(files.disk)).toMatchObject({ 'backing-filename-format': 'raw' });
});

test('any header is judged without an exception', async () => {
  const real = await qcow2('1M');
  expect(refusalOf(real)).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (noise, at) => {
      const bytes = Buffer.from(real.subarray(0, 200));
      bytes.set(noise.subarray(0, bytes.length - at), at);
      for (const header of [Buffer.from(noise), bytes, bytes.subarray(0, at)]) {
        expect(['string', 'undefined']).toContain(typeof refusalOf(header));
      }
    }),
  );
});

test('one guest giving up does not stop the download for another; the last one does', async () => {
  const directory = join(await temporaryFolder(), 'state');
  const bytes = randomBytes(1000);
  const kernel = imageFile(bytes);
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let cancels = 0;
  const source = {
    open: async () =>
      new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          started.resolve();
          await release.promise;
          controller.enqueue(bytes);
          controller.close();
        },
        cancel: () => {
          cancels += 1;
        },
      }),
  };
  const disks = new LocalGuestDisks({ directory, source });
  const spec = (n: number) => guestSpec(n, { image: { id: 'i', name: 'i', diskFormat: 'none', kernel } });
  const aborts = [new AbortController(), new AbortController()];
  const creations = aborts.map((abort, n) => failureOf(disks.create(spec(n), abort.signal)));
  await started.promise;
  aborts[0]?.abort();
  expect(await creations[0]).toMatchObject({ code: 'cancelled' });
  expect(cancels).toBe(0);
  expect(await cached(directory)).toHaveLength(1);
  aborts[1]?.abort();
  expect(await creations[1]).toMatchObject({ code: 'cancelled' });
  expect(cancels).toBe(1);
  expect(await cached(directory)).toEqual([]);
  release.resolve();
  await disks.create(spec(3), never);
});

test.each(['qemuImg', 'genisoimage'])('aborting kills a %s that hangs and leaves no partial file', async (program) => {
  const folder = await temporaryFolder();
  const [marker, hanging] = [join(folder, 'pid'), join(folder, 'hanging')];
  await writeFile(hanging, `#!/bin/sh\necho $$ > ${marker}.new; mv ${marker}.new ${marker}; exec sleep 1000\n`);
  await chmod(hanging, 0o755);
  const source = new MemorySource();
  const image = source.add(await qcow2('1M'));
  const directory = join(folder, 'state');
  const disks = new LocalGuestDisks({ directory, source, programs: { [program]: hanging } });
  const abort = new AbortController();
  const creation = failureOf(disks.create(withDisk(1, image), abort.signal));
  await expect.poll(() => readFile(marker, 'utf8').catch(() => ''), { timeout: 10_000 }).toMatch(/\d/);
  const pid = Number(await readFile(marker, 'utf8'));
  abort.abort();
  expect(await creation).toMatchObject({ code: 'cancelled' });
  expect(() => process.kill(pid, 0)).toThrow();
  const left = await readdir(join(directory, 'instances', uuid(1)));
  expect(left.filter((name) => name !== 'disk.qcow2')).toEqual([]);
});

test('a missing program is named', async () => {
  const { directory, source } = await setup();
  const disks = new LocalGuestDisks({ directory, source, programs: { genisoimage: 'no-such-genisoimage' } });
  const failure = await failureOf(disks.create(guestSpec(1), never));
  expect(failure).toMatchObject({ code: 'hypervisor_error' });
  expect(failure.message).toContain('no-such-genisoimage is not installed');
});

test('removing takes everything of one guest, nothing of another, and may be repeated', async () => {
  const { directory, source, disks } = await setup();
  const image = source.add(await qcow2('16M'));
  await Promise.all([1, 2].map((n) => disks.create(withDisk(n, image), never)));
  await disks.remove(uuid(1), never);
  await disks.remove(uuid(1), never);
  expect(await readdir(join(directory, 'instances'))).toEqual([uuid(2)]);
});

test('names that are no uuid or digest reach no file', async () => {
  const { source, disks } = await setup();
  const kernel = { sha256: '../../etc/shadow', size: 1 };
  for (const bad of ['..', '', `${uuid(1)}/..`, `${uuid(1)}\n`]) {
    expect(await failureOf(disks.remove(bad, never))).toMatchObject({ code: 'invalid_request' });
  }
  const guest = guestSpec(1, { image: { id: 'i', name: 'i', diskFormat: 'none', kernel } });
  expect(await failureOf(disks.create(guest, never))).toMatchObject({ code: 'invalid_request' });
  expect(source.opened).toEqual([]);
});

test('only the owner reads disk and config drive, and anyone may pass through to them', async () => {
  const { directory, source, disks } = await setup();
  const files = await disks.create(withDisk(1, source.add(await qcow2('1M'))), never);
  const mode = async (path: string) => (await stat(path)).mode & 0o777;
  expect(await mode(files.configDrive)).toBe(0o600);
  expect(await mode(files.disk ?? '')).toBe(0o600);
  expect(await mode(join(directory, 'instances', uuid(1)))).toBe(0o711);
  expect(await mode(join(directory, 'cache'))).toBe(0o711);
});

test.skipIf(!mayMount).each([
  ['an image', 4 * mib, 0],
  ['a config drive', 1000, 4 * mib],
])('a disk too full for %s is told as disk_full and holds no part of it', async (_, imageBytes, userDataBytes) => {
  await using disk = await mountSmallDisk(6 * mib);
  const directory = disk.folder;
  await writeFile(join(directory, 'ballast'), Buffer.alloc(imageBytes > mib ? 3 * mib : 0));
  const source = new MemorySource();
  const kernel = source.add(randomBytes(imageBytes));
  const guest = guestSpec(1, { image: { id: 'i', name: 'i', diskFormat: 'none', kernel } });
  const userData = randomBytes(userDataBytes).toString('base64');
  const creation = new LocalGuestDisks({ directory, source }).create(
    { ...guest, configDrive: { ...guest.configDrive, userData } },
    never,
  );
  expect(await failureOf(creation)).toMatchObject({ code: 'disk_full', disposition: 'reschedule' });
  const left = await readdir(directory, { recursive: true });
  expect(left.filter((name) => /partial|input|iso/.test(name))).toEqual([]);
});
