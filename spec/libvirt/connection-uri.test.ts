import { describe, expect, it } from 'vitest';
import { resolveConnection } from '../../actors/libvirt/connection-uri.ts';

describe('a libvirt connection URI', () => {
  it('names a socket and what to open there', () => {
    expect(resolveConnection('qemu+unix:///system?socket=/run/other/libvirt-sock')).toEqual({
      driver: 'qemu',
      socketPath: '/run/other/libvirt-sock',
      name: 'qemu:///system',
    });
  });

  it('keeps the parameters that are for the daemon', () => {
    const { name } = resolveConnection('qemu:///embed?socket=/s&mode=legacy&root=/srv');
    expect(name).toBe('qemu:///embed?root=%2Fsrv');
  });

  it('means the one daemon of the machine when nothing else is there', () => {
    expect(resolveConnection('test:///default')).toEqual({
      driver: 'test',
      socketPath: '/run/libvirt/libvirt-sock',
      name: 'test:///default',
    });
  });

  it("means the user's own daemon for a session", () => {
    const { socketPath } = resolveConnection('qemu:///session', { XDG_RUNTIME_DIR: '/run/user/1000' });
    expect(socketPath).toBe('/run/user/1000/libvirt/libvirt-sock');
  });

  it.each(['qemu+ssh://root@far/system', 'qemu+tcp:///system', 'qemu://far/system'])('refuses %s', (uri) => {
    expect(() => resolveConnection(uri)).toThrow('unsupported');
  });

  it.each(['', 'qemu', '/run/libvirt/libvirt-sock', 'qemu:system'])('does not take %j for one', (uri) => {
    expect(() => resolveConnection(uri)).toThrow('invalid_request');
  });
});
