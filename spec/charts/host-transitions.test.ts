/** Every transition of the host chart, written out, and taken. */
import { describe, expect, it } from 'vitest';
import { hostMachine } from '../../machines/host.ts';
import { events, exploreHost, input, regionPath } from './host-territory.ts';
import { definedTransitions, failure, nameTransition, readTable, Stage, tabulate } from './support.ts';

/** State, what happens, and what follows. What is not listed changes nothing. */
const table = `
hypervisor.stopped
  host.start → hypervisor.connecting
  host.stop → hypervisor.stopped
hypervisor.connecting
  connectHypervisor done → hypervisor.reconciling
  connectHypervisor fails → hypervisor.connecting
  host.stop → hypervisor.stopped
hypervisor.reconciling
  reconcileInstances done → hypervisor.up
  reconcileInstances fails → hypervisor.connecting
  host.stop → hypervisor.stopped
  hypervisor.lost → hypervisor.away
  host.fenced → hypervisor.reconciling
hypervisor.up
  host.stop → hypervisor.stopped
  hypervisor.lost → hypervisor.away
  host.fenced → hypervisor.reconciling
hypervisor.away
  host.stop → hypervisor.stopped
  hypervisor.connected → hypervisor.reconciling
service.enabled
  host.enable → service.enabled
  host.disable → service.disabled
  host.drain → service.draining
service.disabled
  host.enable → service.enabled
  host.disable → service.disabled
  host.drain → service.draining
service.draining
  host.enable → service.enabled
  host.disable → service.disabled
  host.drain → service.draining
`;

it('goes where the table says, and nowhere else', () => {
  expect(readTable(tabulate(exploreHost(), regionPath))).toEqual(readTable(table));
});

it('has each of its transitions taken by these tests', () => {
  const taken = new Set(exploreHost().edges.map(({ transition }) => nameTransition(transition)));
  const untaken = definedTransitions(hostMachine)
    .map(nameTransition)
    .filter((name) => !taken.has(name));
  expect(untaken).toEqual([]);
});

it('hears of every kind of event that it knows', () => {
  const known = hostMachine.events.filter((type) => !type.startsWith('xstate.'));
  expect([...new Set(events.map(({ type }) => type))].sort()).toEqual([...known].sort());
});

describe('a host', () => {
  it('counts its connections, and keys every effect by that', () => {
    const stage = new Stage(hostMachine, { input });
    stage.send({ type: 'host.start' }).fail(failure('retry')).done().done();
    expect(stage.value).toMatchObject({ hypervisor: 'up' });
    stage.send({ type: 'hypervisor.lost', failure: failure('retry') }).send({ type: 'hypervisor.connected' });
    expect(stage.invoked.map(({ effect, key }) => `${effect} ${key.attempt}`)).toEqual([
      'connectHypervisor 1',
      'connectHypervisor 2',
      'reconcileInstances 2',
      'reconcileInstances 3',
    ]);
  });

  it('says why its hypervisor is away, until it is back', () => {
    const stage = new Stage(hostMachine, { input });
    stage.send({ type: 'host.start' }).fail(failure('retry', { code: 'hypervisor_unavailable' }));
    expect(stage.context).toMatchObject({ fault: { code: 'hypervisor_unavailable' } });
    stage.done();
    expect(stage.context.fault).toBeUndefined();
  });

  it('is usable only while its hypervisor is up, and accepts instances only while it is enabled', () => {
    const stage = new Stage(hostMachine, { input });
    expect([...stage.tags]).toEqual(['accepting']);
    stage.send({ type: 'host.start' }).done().done();
    expect([...stage.tags].sort()).toEqual(['accepting', 'usable']);
    stage.send({ type: 'host.drain', reason: 'it is to be retired' });
    expect([...stage.tags]).toEqual(['usable']);
    expect(stage.context.disabledReason).toBe('it is to be retired');
    stage.send({ type: 'host.enable' });
    expect(stage.context.disabledReason).toBeUndefined();
  });

  it('stays disabled when it stops and starts', () => {
    const stage = new Stage(hostMachine, { input });
    stage.send({ type: 'host.disable', reason: 'a disk is to be changed' });
    stage.send({ type: 'host.start' }).done().done().send({ type: 'host.stop' }).send({ type: 'host.start' });
    expect(stage.value).toEqual({ hypervisor: 'connecting', service: 'disabled' });
    expect(stage.context.disabledReason).toBe('a disk is to be changed');
  });
});
