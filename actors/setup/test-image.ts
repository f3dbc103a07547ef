/**
 * Builds the test image: a small Linux that boots in seconds without hardware virtualization, from Debian's own
 * kernel and busybox. Both are downloaded and unpacked, never installed, so that no root is needed.
 *
 * Idempotency key: the recipe's hash, which names the folder of the result in the cache. The folder appears by one
 * rename, when all of it is there, so that two builds at once do no harm. A newer kernel at the mirror is no reason to
 * build again; removing the folder is.
 */

import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fail } from '../../machines/failure.ts';
import { type CpioEntry, writeCpio } from './cpio-archive.ts';
import { realMachine, updatePackageLists } from './debian-packages.ts';
import { guestFiles, guestKernelArguments, guestModules } from './guest-init.ts';
import { collectModules } from './kernel-modules.ts';
import { findProgram, tailOf, tryCommand } from './try-command.ts';

/** Raise it when the way of building changes but none of what is hashed. */
const RECIPE_VERSION = 1;
const DISK_BYTES = 64 * 1024 * 1024;
const KERNEL_METAPACKAGE = 'linux-image-cloud-amd64';

export interface TestImage {
  /** Paths. All are readable for everybody, because libvirt runs guests as a user of its own. */
  kernel: string;
  ramdisk: string;
  /** qcow2, 64 MiB, one ext4 file system labelled `root`. The guest runs without it too. */
  disk: string;
  kernelArguments: string;
  /** For example `6.1.0-56-cloud-amd64`. */
  kernelVersion: string;
}

export interface TestImageOptions {
  /** Made when absent. Everybody must be able to reach it for libvirt to use what is in it. */
  cacheDir: string;
  report: (line: string) => void;
}

/** Returns at once when it has been built before. Rejects with `unsupported` or `image_unavailable`. */
export async function buildTestImage(options: TestImageOptions): Promise<TestImage> {
  const cacheDir = resolve(options.cacheDir);
  const folder = join(cacheDir, `test-image-${recipeHash()}`);
  const present = await readTestImage(folder);
  if (present) return present;
  if (process.arch !== 'x64' || !findProgram('dpkg-deb') || !findProgram('apt-get')) {
    throw fail('unsupported', 'the test image can be built on Debian on x86-64 only');
  }
  options.report('building the test image (once)');
  await mkdir(cacheDir, { recursive: true });
  await chmod(cacheDir, 0o755);
  const work = await mkdtemp(join(cacheDir, '.building-'));
  try {
    const kernelVersion = await build(work, join(cacheDir, 'packages'), options.report);
    options.report(`built the test image with kernel ${kernelVersion}`);
    await rename(join(work, 'image'), folder).catch(async (error: unknown) => {
      // Another build was quicker: its result is as good as ours.
      if (!(await readTestImage(folder))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const built = await readTestImage(folder);
  if (!built) throw fail('image_unavailable', `the test image in ${folder} cannot be read`);
  return built;
}

function recipeHash(): string {
  const recipe = JSON.stringify([RECIPE_VERSION, DISK_BYTES, guestModules, guestFiles()]);
  return createHash('sha256').update(recipe).digest('hex').slice(0, 12);
}

async function readTestImage(folder: string): Promise<TestImage | undefined> {
  try {
    const { kernelVersion } = JSON.parse(await readFile(join(folder, 'image.json'), 'utf8')) as {
      kernelVersion: string;
    };
    return {
      kernel: join(folder, 'vmlinuz'),
      ramdisk: join(folder, 'ramdisk.gz'),
      disk: join(folder, 'disk.qcow2'),
      kernelArguments: guestKernelArguments,
      kernelVersion,
    };
  } catch {
    return undefined;
  }
}

/** Leaves the result in `image` of the work folder, and returns the kernel's version. */
async function build(work: string, packages: string, report: (line: string) => void): Promise<string> {
  await mkdir(packages, { recursive: true });
  const kernelPackage = await findKernelPackage(report);
  const kernelVersion = kernelPackage.replace('linux-image-', '');
  const kernelRoot = await unpack(await download(kernelPackage, packages, report), join(work, 'kernel'));
  const busyboxRoot = await unpack(await download('busybox-static', packages, report), join(work, 'busybox'));

  const image = join(work, 'image');
  await mkdir(image);
  await writeFile(join(image, 'vmlinuz'), await readFile(join(kernelRoot, 'boot', `vmlinuz-${kernelVersion}`)));
  const modules = await collectModules(join(kernelRoot, 'lib', 'modules', kernelVersion), guestModules);
  const entries: CpioEntry[] = [
    ...guestFiles(),
    {
      type: 'file',
      path: 'bin/busybox',
      content: await readFile(join(busyboxRoot, 'bin', 'busybox')),
      isExecutable: true,
    },
    { type: 'file', path: 'lib/modules/order', content: modules.map(({ name }) => `${name}\n`).join('') },
    ...modules.map(({ name, content }): CpioEntry => ({ type: 'file', path: `lib/modules/${name}`, content })),
  ];
  await writeFile(join(image, 'ramdisk.gz'), gzipSync(writeCpio(entries), { level: 9 }));
  await makeDisk(work, join(image, 'disk.qcow2'));
  await writeFile(join(image, 'image.json'), `${JSON.stringify({ kernelVersion })}\n`);
  for (const name of await readdir(image)) await chmod(join(image, name), 0o644);
  await chmod(image, 0o755);
  return kernelVersion;
}

async function makeDisk(work: string, path: string): Promise<void> {
  const raw = join(work, 'disk.raw');
  await writeFile(raw, '');
  await must('truncate', ['--size', String(DISK_BYTES), raw]);
  const mkfs = findProgram('mkfs.ext4');
  if (!mkfs) throw fail('image_unavailable', 'mkfs.ext4 is not installed (package e2fsprogs)');
  await must(mkfs, ['-q', '-F', '-L', 'root', '-O', '^has_journal', '-m', '0', raw]);
  await must('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, path]);
}

/** The package behind the metapackage: its name changes with the kernel's version. */
async function findKernelPackage(report: (line: string) => void): Promise<string> {
  for (const isSecondTry of [false, true]) {
    if (isSecondTry) await refreshPackageLists(report);
    const { stdout } = await tryCommand('apt-cache', ['show', '--no-all-versions', KERNEL_METAPACKAGE]);
    const match = /^Depends:.*?\b(linux-image-[0-9][^\s,]*)/m.exec(stdout);
    if (match?.[1]) return match[1];
  }
  throw fail('image_unavailable', `no package list names ${KERNEL_METAPACKAGE}; run "apt-get update"`);
}

/** Returns the path of the package's file, which stays in the cache. */
async function download(name: string, folder: string, report: (line: string) => void): Promise<string> {
  const find = async () => (await readdir(folder)).find((each) => each.startsWith(`${name}_`));
  const kept = await find();
  if (kept) return join(folder, kept);
  report(`downloading ${name}`);
  // Into a folder of its own first, because apt-get leaves a partial file under the final name.
  const incoming = await mkdtemp(join(folder, '.incoming-'));
  try {
    const args = ['-o', 'APT::Sandbox::User=root', '--quiet', 'download', name];
    let result = await tryCommand('apt-get', args, { cwd: incoming });
    if (result.code !== 0) {
      await refreshPackageLists(report);
      result = await tryCommand('apt-get', args, { cwd: incoming });
    }
    const [file] = (await readdir(incoming)).filter((each) => each.endsWith('.deb'));
    if (result.code !== 0 || file === undefined) {
      throw fail('image_unavailable', `cannot download ${name}: ${tailOf(result.stderr, 4)}`);
    }
    await rename(join(incoming, file), join(folder, file));
    return join(folder, file);
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

async function refreshPackageLists(report: (line: string) => void): Promise<void> {
  const root = await realMachine.rootPrefix();
  if (root !== undefined) await updatePackageLists(root, realMachine, report);
}

async function unpack(file: string, folder: string): Promise<string> {
  await must('dpkg-deb', ['--extract', file, folder]);
  return folder;
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await tryCommand(command, args);
  if (code !== 0) throw fail('image_unavailable', `${command} failed (${code}): ${tailOf(stderr, 4)}`);
}
