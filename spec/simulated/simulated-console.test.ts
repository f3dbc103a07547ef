import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { SimulatedHypervisor } from '../../actors/simulated/simulated-hypervisor.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { guestSpec } from '../libvirt/guests.ts';

const signal = new AbortController().signal;

async function startGuest() {
  const hypervisor = new SimulatedHypervisor({ clock: systemClock, chance: systemChance, latencyMs: 0 });
  await hypervisor.connect();
  const guest = guestSpec();
  await hypervisor.createDisks(guest, signal);
  await hypervisor.createDomain(guest, signal);
  return { hypervisor, uuid: guest.uuid };
}

function read(stream: Duplex): { text: string } {
  const shown = { text: '' };
  stream.on('data', (chunk: Buffer) => {
    shown.text += chunk.toString();
  });
  return shown;
}

it('behaves as a shell: prompts, echoes, answers, and takes back what was typed', async () => {
  const { hypervisor, uuid } = await startGuest();
  const console = await hypervisor.openConsole(uuid, 'serial');
  const shown = read(console);
  await expect.poll(() => shown.text).toMatch(/simulated.*\r\n\/ # $/s);
  console.write('hostnamx\u007fe\r');
  await expect.poll(() => shown.text).toContain('hostnamx\b \be\r\nweb\r\n/ # ');
  console.write('frobnicate now\r');
  await expect.poll(() => shown.text).toContain('\r\nfrobnicate: not known here, try help\r\n');
});

it('says y no faster than it is read, until Ctrl-C', async () => {
  const { hypervisor, uuid } = await startGuest();
  const console = await hypervisor.openConsole(uuid, 'serial');
  console.write('yes\r');
  await expect.poll(() => console.readableLength).toBeGreaterThan(1_000);
  const held = console.readableLength;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(console.readableLength).toBeLessThan(held + 65_536);
  const shown = read(console);
  await expect.poll(() => shown.text.length).toBeGreaterThan(200_000);
  console.write('\u0003');
  await expect.poll(() => shown.text).toMatch(/\^C\r\n\/ # $/);
});

it('ends with its guest, and switches it off when it is told to', async () => {
  const { hypervisor, uuid } = await startGuest();
  const console = await hypervisor.openConsole(uuid, 'serial');
  console.resume().write('poweroff\r');
  await once(console, 'close');
  expect(await hypervisor.powerState(uuid)).toBe('shutdown');
  await expect(hypervisor.openConsole(uuid, 'serial')).rejects.toMatchObject({ failure: { code: 'conflict' } });
});

it('breaks when the hypervisor is lost', async () => {
  const { hypervisor, uuid } = await startGuest();
  const console = await hypervisor.openConsole(uuid, 'serial');
  const broken = once(console, 'error');
  hypervisor.loseConnection();
  expect((await broken)[0]).toMatchObject({ failure: { code: 'hypervisor_unavailable' } });
});

it('has no screen', async () => {
  const { hypervisor, uuid } = await startGuest();
  await expect(hypervisor.openConsole(uuid, 'vnc')).rejects.toMatchObject({ failure: { code: 'unsupported' } });
});
