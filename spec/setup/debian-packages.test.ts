/**
 * Which packages are asked for, and how, on machines of different kinds. The machine is a stand-in: installing
 * for real is what `npm test` has done before this runs.
 */

import { describe, expect, test } from 'vitest';
import {
  ensurePackages,
  neededPackages,
  type PackageGroup,
  type PackageMachine,
} from '../../actors/setup/debian-packages.ts';

const everything = neededPackages.flatMap((each) => each.provides);
const allGroups: PackageGroup[] = ['nats', 'libvirt', 'test-image', 'tests'];

describe('ensurePackages', () => {
  test('does nothing when nothing is missing', async () => {
    const machine = fakeMachine({ present: everything });
    expect(await ensurePackages(allGroups, () => {}, machine)).toEqual({ missing: [] });
    expect(machine.commands).toEqual([]);
  });

  test('installs only what the groups need and the machine lacks', async () => {
    const machine = fakeMachine({ present: everything.filter((each) => each !== 'nats-server' && each !== 'nft') });
    const lines: string[] = [];
    expect(await ensurePackages(['nats'], (line) => lines.push(line), machine)).toEqual({ missing: [] });
    expect(lines).toEqual(['installing nats-server']);
    expect(machine.commands).toHaveLength(1);
    expect(machine.commands[0]).toMatch(
      /^env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 .* --no-install-recommends nats-server$/,
    );
  });

  test('fetches the package lists first where there are none', async () => {
    const machine = fakeMachine({ hasPackageLists: false });
    await ensurePackages(['nats'], () => {}, machine);
    expect(machine.commands.map((each) => /apt-get .*?(update|install)/.exec(each)?.[1])).toEqual([
      'update',
      'install',
    ]);
  });

  test('fetches the package lists and tries again when they are too old', async () => {
    const machine = fakeMachine({ failures: 1 });
    expect(await ensurePackages(['nats'], () => {}, machine)).toEqual({ missing: [] });
    expect(machine.commands.map((each) => /apt-get .*?(update|install)/.exec(each)?.[1])).toEqual([
      'install',
      'update',
      'install',
    ]);
  });

  test('names what is missing and the command when it may not install', async () => {
    const machine = fakeMachine({ root: undefined });
    expect(await ensurePackages(['nats', 'test-image'], () => {}, machine)).toEqual({
      missing: ['nats-server', 'qemu-utils', 'e2fsprogs'],
      command: 'sudo apt-get install --no-install-recommends nats-server qemu-utils e2fsprogs',
      reason: 'installing needs root, or sudo without a password',
    });
    expect(machine.commands).toEqual([]);
  });

  test('installs by sudo where that asks for no password', async () => {
    const machine = fakeMachine({ root: ['sudo', '-n'] });
    await ensurePackages(['nats'], () => {}, machine);
    expect(machine.commands[0]).toMatch(/^sudo -n env DEBIAN_FRONTEND=noninteractive apt-get /);
  });

  test('touches no machine that is not Debian', async () => {
    const machine = fakeMachine({ isDebian: false });
    const outcome = await ensurePackages(['nats'], () => {}, machine);
    expect(outcome.missing).toEqual(['nats-server']);
    expect(outcome.reason).toContain('not Debian');
    expect(machine.commands).toEqual([]);
  });

  test('tells what apt-get said when it fails', async () => {
    const machine = fakeMachine({ failures: 9 });
    const outcome = await ensurePackages(['nats'], () => {}, machine);
    expect(outcome.missing).toEqual(['nats-server']);
    expect(outcome.reason).toContain('E: no such package');
  });

  test("switches off Debian's own nats-server, and leaves tini out, where systemd runs", async () => {
    const machine = fakeMachine({ hasSystemd: true });
    await ensurePackages(['nats', 'libvirt'], () => {}, machine);
    expect(machine.commands[0]).toContain('libvirt-daemon-system');
    expect(machine.commands[0]).not.toContain('tini');
    expect(machine.commands[1]).toBe('systemctl disable --now nats-server.service');
  });
});

interface FakeOptions {
  present?: string[];
  isDebian?: boolean;
  hasSystemd?: boolean;
  hasPackageLists?: boolean;
  root?: string[] | undefined;
  /** How often installing fails before it works. */
  failures?: number;
}

function fakeMachine(options: FakeOptions): PackageMachine & { commands: string[] } {
  const present = new Set(options.present ?? []);
  let failures = options.failures ?? 0;
  const commands: string[] = [];
  return {
    commands,
    isDebian: () => options.isDebian ?? true,
    hasSystemd: () => options.hasSystemd ?? false,
    hasPackageLists: () => options.hasPackageLists ?? true,
    has: (provided) => present.has(provided),
    rootPrefix: async () => ('root' in options ? options.root : []),
    async run(command, args) {
      commands.push([command, ...args].join(' '));
      if (!args.includes('install')) return { code: 0, stdout: '', stderr: '' };
      if (failures-- > 0) return { code: 100, stdout: '', stderr: 'E: no such package' };
      for (const { name, provides } of neededPackages) {
        if (args.includes(name)) for (const each of provides) present.add(each);
      }
      return { code: 0, stdout: '', stderr: '' };
    },
  };
}
