import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toLibvirtFailure } from '../../actors/libvirt/error-codes.ts';
import { LibvirtClient, type LibvirtEvent } from '../../actors/libvirt/libvirt-client.ts';
import { lifecycleKinds } from '../../transport/libvirt/constants.ts';
import { startPrivateLibvirtd } from '../support/private-libvirtd.ts';

function domainXml(uuid: string, name: string): string {
  return `<domain type='test'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>8</memory>
    <os><type>hvm</type></os></domain>`;
}

async function startClient() {
  await using undo = new AsyncDisposableStack();
  const daemon = undo.use(await startPrivateLibvirtd({ driver: 'test' }));
  const client = new LibvirtClient({ uri: daemon.uri });
  undo.defer(() => client.close());
  const events: LibvirtEvent[] = [];
  client.onEvent((event) => events.push(event));
  await client.connect();
  const all = undo.move();
  const kindsOf = (uuid: string) =>
    events.flatMap((event) => (event.type === 'lifecycle' && event.uuid === uuid ? [event.kind] : []));
  return { client, events, kindsOf, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function failureOf(promise: Promise<unknown>) {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return toLibvirtFailure(error).failure;
}

describe('the libvirt client, at the test driver', () => {
  it('knows the host', async () => {
    await using host = await startClient();
    expect(await host.client.hypervisorVersion()).toBe(2);
    expect(await host.client.libraryVersion()).toBeGreaterThan(6_000_000);
    expect(await host.client.hostname()).not.toBe('');
    expect(await host.client.capabilities()).toContain('<capabilities>');
    expect(await host.client.nodeInfo()).toMatchObject({ model: 'i686', cpus: 16, memory: 3_145_728n });
  });

  it('takes a domain through its whole life, and hears of each step', async () => {
    await using host = await startClient();
    const { client } = host;
    const uuid = randomUUID();
    const domain = await client.define(domainXml(uuid, 'one'));
    expect(domain).toEqual({ name: 'one', uuid, id: -1 });
    expect(await client.domainByName('one')).toEqual(domain);
    expect(await client.look(uuid)).toMatchObject({ powerState: 'shutdown', hasManagedSave: false });
    expect(await client.domainXml(domain)).toContain(uuid);

    await client.start(domain);
    expect(await client.look(uuid)).toMatchObject({ powerState: 'running' });
    await client.pause(domain);
    expect(await client.look(uuid)).toMatchObject({ powerState: 'paused' });
    await client.unpause(domain);
    await client.reboot(domain);
    await client.managedSave(domain);
    expect(await client.look(uuid)).toMatchObject({ powerState: 'suspended', hasManagedSave: true });
    expect(await client.domains()).toContainEqual(expect.objectContaining({ powerState: 'suspended' }));
    await client.start(domain);
    expect(await client.look(uuid)).toMatchObject({ powerState: 'running', hasManagedSave: false });
    await client.shutdown(domain);
    await client.start(domain);
    await client.destroy(domain);
    await client.undefine(domain);
    expect(await client.look(uuid)).toBeUndefined();

    const { defined, started, suspended, resumed, stopped, undefined: gone } = lifecycleKinds;
    await expect
      .poll(() => host.kindsOf(uuid))
      .toEqual(
        // What libvirt 9.0's test driver tells; a managed save is one stop.
        [defined, started, suspended, resumed, stopped, started, stopped, started, stopped, gone],
      );
  });

  it('lists every domain of the host', async () => {
    await using host = await startClient();
    const uuids = Array.from({ length: 60 }, () => randomUUID());
    await Promise.all(uuids.map((uuid, index) => host.client.define(domainXml(uuid, `guest-${index}`))));
    const listed = await host.client.domains();
    expect(new Set(listed.map(({ ref }) => ref.uuid))).toEqual(
      new Set([...uuids, (await host.client.domainByName('test'))?.uuid]),
    );
  });

  it('makes failures of errors', async () => {
    await using host = await startClient();
    const { client } = host;
    const uuid = randomUUID();
    const domain = await client.define(domainXml(uuid, 'one'));
    const ghost = { name: 'ghost', uuid: randomUUID(), id: -1 };

    expect(await failureOf(client.start(ghost))).toMatchObject({ code: 'domain_lost', disposition: 'abort' });
    expect(await failureOf(client.destroy(domain))).toMatchObject({ code: 'conflict', disposition: 'retry' });
    expect(await failureOf(client.define('<domain'))).toMatchObject({ code: 'hypervisor_error', disposition: 'abort' });
    expect(await failureOf(client.attachDevice(domain, '<disk/>', { live: false, config: true }))).toMatchObject({
      code: 'unsupported',
      disposition: 'reschedule',
      details: { procedure: 'attachDevice' },
    });
    expect(await failureOf(client.define(domainXml(randomUUID(), 'one')))).toMatchObject({
      code: 'hypervisor_error',
      message: expect.stringContaining("'one' already exists"),
    });
  });

  it('rejects, as closed, what is asked of it after its end', async () => {
    await using host = await startClient();
    host.client.close();
    expect(await failureOf(host.client.hostname())).toMatchObject({ code: 'hypervisor_unavailable' });
    await expect(host.client.whenConnected(new AbortController().signal)).rejects.toThrow('was closed');
  });
});
