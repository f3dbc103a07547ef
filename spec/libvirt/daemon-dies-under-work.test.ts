/** A failure story: the libvirt daemon is killed in the midst of a spawn, of a stop, of a deletion. */
import { describe, expect, it } from 'vitest';
import { lifecycleKinds } from '../../transport/libvirt/constants.ts';
import { api } from '../../transport/messages/api.ts';
import { eventually } from '../support/test-cloud.ts';
import { commandLines, hostName, startRealCloud } from './real-cloud.ts';

const patienceMs = 60_000;

describe('a libvirt daemon that is killed', () => {
  it('when a domain is defined, or has begun to run, ends as one guest that runs', { timeout: 120_000 }, async () => {
    const { cloud, daemon, killAt, count } = await startRealCloud();
    for (const kind of [lifecycleKinds.defined, lifecycleKinds.started, lifecycleKinds.resumed]) {
      const killed = killAt(kind);
      const { uuid } = await cloud.create();
      await killed;
      await daemon.start();
      await cloud.until(uuid, ({ state }) => state === 'running', patienceMs);
      expect(await count(uuid)).toEqual({ domains: 1, emulators: 1 });
      await cloud.client.ask(api.instance.delete, { uuid });
      await cloud.until(uuid, ({ state }) => state === 'deleted', patienceMs);
      expect(await count(uuid)).toEqual({ domains: 0, emulators: 0 });
    }
  });

  it('as soon as an emulator has begun ends as one guest that runs', { timeout: 120_000 }, async () => {
    const { cloud, daemon, count } = await startRealCloud();
    for (let time = 0; time < 3; time += 1) {
      const { uuid } = await cloud.create();
      // The daemon has it under its control already, or not yet: then it ends it when it is back.
      await eventually(async () => (await commandLines()).some((line) => line.includes(uuid)) || undefined, patienceMs);
      await daemon.kill('KILL');
      await daemon.start();
      await cloud.until(uuid, ({ state }) => state === 'running', patienceMs);
      expect(await count(uuid)).toEqual({ domains: 1, emulators: 1 });
      const { instance } = await cloud.client.ask(api.instance.get, { uuid });
      expect(instance).toMatchObject({ state: 'running', attempt: 1 });
    }
  });

  it('while a guest is stopped ends as one domain that is off', { timeout: 120_000 }, async () => {
    const { cloud, daemon, killAt, launch, count } = await startRealCloud();
    const uuid = await launch();
    for (const moment of ['asked', 'off']) {
      const killed = moment === 'off' ? killAt(lifecycleKinds.stopped) : undefined;
      await cloud.client.ask(api.instance.stop, { uuid });
      await (killed ?? daemon.kill('KILL'));
      await daemon.start();
      await cloud.until(uuid, ({ state }) => state === 'stopped', patienceMs);
      expect(await count(uuid)).toEqual({ domains: 1, emulators: 0 });
      await cloud.client.ask(api.instance.start, { uuid });
      await cloud.until(uuid, ({ state }) => state === 'running', patienceMs);
    }
  });

  it('while a guest is deleted ends as none', { timeout: 120_000 }, async () => {
    const { cloud, daemon, killAt, launch, count } = await startRealCloud();
    for (const kind of [undefined, lifecycleKinds.stopped, lifecycleKinds.undefined]) {
      const uuid = await launch();
      const killed = kind === undefined ? undefined : killAt(kind);
      await cloud.client.ask(api.instance.delete, { uuid });
      await (killed ?? daemon.kill('KILL'));
      await daemon.start();
      await cloud.until(uuid, ({ state }) => state === 'deleted', patienceMs);
      expect(await count(uuid)).toEqual({ domains: 0, emulators: 0 });
    }
  });

  it('leaves its guests running, and is shown as away until it is back', {
    timeout: 120_000,
  }, async () => {
    const { cloud, daemon, launch, count } = await startRealCloud();
    const uuid = await launch();
    await daemon.kill('KILL');
    const shown = async () => (await cloud.client.ask(api.host.get, { host: hostName })).host;
    const away = await eventually(async () => {
      const host = await shown();
      return host.hypervisorState === 'away' ? host : undefined;
    });
    expect(away.hypervisorReason).toMatch(/libvirt/);
    await daemon.start();
    const back = await eventually(async () => {
      const host = await shown();
      return host.hypervisorState === 'up' ? host : undefined;
    }, patienceMs);
    expect(back.hypervisorReason).toBeUndefined();
    expect((await cloud.client.ask(api.instance.get, { uuid })).instance.state).toBe('running');
    expect(await count(uuid)).toEqual({ domains: 1, emulators: 1 });
  });

  it('with its guests is told of afterwards: they have crashed', { timeout: 120_000 }, async () => {
    const { cloud, daemon, launch } = await startRealCloud();
    const uuid = await launch();
    const reasons: (string | undefined)[] = [];
    cloud.client.follow(undefined, (fact) => {
      if (fact.uuid === uuid && fact.type === 'transition') reasons.push(fact.reason);
    });
    await daemon.kill('KILL');
    await daemon.killGuests();
    await daemon.start();
    await cloud.until(uuid, ({ state }) => state === 'failed.powering', patienceMs);
    await eventually(() => reasons.length > 1 || undefined);
    // Told by libvirt, or found by the host: whichever comes first.
    for (const reason of reasons) expect(reason).toMatch(/the guest crashed$/);
  });
});
