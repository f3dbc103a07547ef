import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bootTime, detectVirtType } from '../../actors/libvirt/virt-type.ts';

describe('the probe for KVM', () => {
  it('boots its guest wherever guests boot', async () => {
    expect(await bootTime('tcg', 20_000)).toBeGreaterThan(0);
  });

  it('finds that no guest boots without an emulator, or without time', async () => {
    expect(await bootTime('tcg', 20_000, '/nonexistent/qemu')).toBeUndefined();
    expect(await bootTime('tcg', 1)).toBeUndefined();
  });

  it('answers in time, whatever /dev/kvm does', async () => {
    expect(['kvm', 'qemu']).toContain(await detectVirtType({ timeoutMs: 1_000 }));
  });
});

describe.runIf(existsSync('/dev/kvm'))('the verdict of the probe', () => {
  it.each([
    { boots: ['kvm', 'tcg'], verdict: 'kvm' },
    { boots: ['tcg'], verdict: 'qemu' },
  ])('is $verdict where $boots boots, and is kept', async ({ boots, verdict }) => {
    const fake = await makeEmulator(boots);
    expect(await detectVirtType(fake)).toBe(verdict);
    const probes = await fake.probes();
    expect(await detectVirtType(fake)).toBe(verdict);
    expect(await fake.probes()).toEqual(probes);
  });

  it('is not kept where nothing boots', async () => {
    const fake = await makeEmulator([]);
    expect(await detectVirtType(fake)).toBe('qemu');
    await fake.replace(['kvm', 'tcg']);
    expect(await detectVirtType(fake)).toBe('kvm');
  });

  it('is qemu where guests creep under KVM', async () => {
    const fake = await makeEmulator(['tcg'], 'if [ "$2" = kvm ]; then sleep 3; exit 85; fi');
    expect(await detectVirtType(fake)).toBe('qemu');
  });

  it('is found again with another emulator', async () => {
    const fake = await makeEmulator(['tcg']);
    expect(await detectVirtType(fake)).toBe('qemu');
    await fake.replace(['kvm', 'tcg']);
    expect(await detectVirtType(fake)).toBe('kvm');
  });

  it.each(['', 'xen\n', 'kvm', 'kvm\nanother boot\n'])('is found again when %j is kept', async (kept) => {
    const fake = await makeEmulator(['tcg']);
    await writeFile(fake.cacheFile, kept);
    expect(await detectVirtType(fake)).toBe('qemu');
  });

  it('is found also where it cannot be kept', async () => {
    const fake = await makeEmulator(['tcg']);
    expect(await detectVirtType({ ...fake, cacheFile: '/dev/null/virt-type' })).toBe('qemu');
  });
});

/** A program that exits as QEMU does when the probe's guest boots, under these accelerators. */
async function makeEmulator(boots: string[], ...firstLines: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'virt-type-spec-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const emulator = join(folder, 'emulator');
  const log = join(folder, 'probes');
  async function replace(accelerators: string[]): Promise<void> {
    const exit = `case " ${accelerators.join(' ')} " in *" $2 "*) exit 85;; esac`;
    const script = ['#!/bin/sh', `echo "$2" >> ${log}`, ...firstLines, exit];
    await writeFile(emulator, `${script.join('\n')}\n`, { mode: 0o755 });
  }
  await replace(boots);
  return {
    emulator,
    cacheFile: join(folder, 'virt-type'),
    timeoutMs: 20_000,
    replace,
    probes: async () => (await readFile(log, 'utf8')).trim().split('\n'),
  };
}
