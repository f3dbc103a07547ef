import { describe, expect, it } from 'vitest';
import { canBoot, detectVirtType } from '../../actors/libvirt/virt-type.ts';

describe('the probe for KVM', () => {
  it('boots its guest wherever guests boot', async () => {
    expect(await canBoot('tcg', 20_000)).toBe(true);
  });

  it('finds that no guest boots without an emulator, or without time', async () => {
    expect(await canBoot('tcg', 20_000, '/nonexistent/qemu')).toBe(false);
    expect(await canBoot('tcg', 1)).toBe(false);
  });

  it('answers in time, whatever /dev/kvm does', async () => {
    expect(['kvm', 'qemu']).toContain(await detectVirtType(1_000));
  });
});
