/** What holds for the definition of every chart, whatever it does. */
import { describe, expect, it } from 'vitest';
import { hostMachine, hostTimeouts } from '../../machines/host.ts';
import { instanceMachine, instanceTimeouts } from '../../machines/instance.ts';
import { statesOf } from './support.ts';

const charts = [
  { name: 'instance', machine: instanceMachine, timeouts: instanceTimeouts },
  { name: 'host', machine: hostMachine, timeouts: hostTimeouts },
];

describe.each(charts)('the $name chart', ({ machine, timeouts }) => {
  const states = statesOf(machine.root);
  const invokes = states.flatMap((state) => state.invoke.map((invoke) => ({ state, invoke })));

  it('describes every state in a sentence', () => {
    const undescribed = states.filter(({ description }) => !/^\S.*[.?]$/s.test(description ?? ''));
    expect(undescribed.map(({ id }) => id)).toEqual([]);
  });

  it('has a way out of the failure of every effect', () => {
    const helpless = invokes.filter(({ state, invoke }) => !state.transitions.has(`xstate.error.actor.${invoke.id}`));
    expect(helpless.map(({ state }) => state.id)).toEqual([]);
  });

  it('gives every effect a deadline, by a named timeout', () => {
    const lengths = new Set<number>(Object.values(timeouts));
    for (const { state, invoke } of invokes) {
      const { input } = invoke;
      if (typeof input !== 'function') throw new Error(`${state.id} invokes without an input`);
      const context = { uuid: 'a', name: 'a', attempt: 2, connection: 2 };
      const key = input({ context, event: { type: 'any', at: 1_000_000 }, self: undefined } as never);
      expect(key).toEqual({ uuid: 'a', attempt: 2, deadline: expect.any(Number) });
      expect([state.id, lengths.has(key.deadline - 1_000_000)]).toEqual([state.id, true]);
    }
  });

  it('invokes every effect that it declares, by name, one in a state', () => {
    const declared = Object.keys(machine.implementations.actors).sort();
    expect([...new Set(invokes.map(({ invoke }) => String(invoke.src)))].sort()).toEqual(declared);
    expect(states.filter(({ invoke }) => invoke.length > 1)).toEqual([]);
  });

  it('has neither timers nor eventless transitions, which a restored snapshot would lose or hide', () => {
    expect(states.flatMap(({ after }) => after)).toEqual([]);
    expect(states.filter(({ always }) => (always ?? []).length > 0).map(({ id }) => id)).toEqual([]);
  });

  it('names its actions and guards', () => {
    const { actions, guards } = machine.implementations;
    for (const { transitions, entry, exit } of states) {
      const all = [...transitions.values()].flat();
      for (const action of [...entry, ...exit, ...all.flatMap((transition) => [...transition.actions])]) {
        expect(actions).toHaveProperty(nameOf(action));
      }
      for (const { guard } of all) if (guard !== undefined) expect(guards).toHaveProperty(nameOf(guard));
    }
  });

  it('uses dotted names for events', () => {
    const heard = states.flatMap(({ ownEvents }) => ownEvents).filter((type) => !String(type).startsWith('xstate.'));
    for (const type of heard) expect(type).toMatch(/^[a-z]+\.[a-z-]+$/);
  });
});

function nameOf(reference: unknown): string {
  if (typeof reference === 'string') return reference;
  const { type } = reference as { type?: string };
  if (type === undefined) throw new Error('an inline closure has no name');
  return type;
}
