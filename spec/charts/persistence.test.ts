/** Every chart, in every state that it can reach, survives being written down and read again. */
import { describe, expect, it } from 'vitest';
import { hostMachine } from '../../machines/host.ts';
import { type InstanceContext, instanceMachine } from '../../machines/instance.ts';
import { statePath } from '../../machines/instance-states.ts';
import { exploreHost } from './host-territory.ts';
import { exploreInstance, port, succeed } from './instance-territory.ts';
import { failure, restage, Stage } from './support.ts';

const charts = [
  { name: 'instance', machine: instanceMachine, nodes: exploreInstance().nodes },
  { name: 'host', machine: hostMachine, nodes: exploreHost().nodes },
];

describe.each(charts)('the $name chart', ({ machine, nodes }) => {
  it('is the same after a restart, in every state', () => {
    for (const node of nodes) {
      const stage = restage(machine, node);
      expect(stage.value).toEqual(node.value);
      expect(JSON.parse(stage.persist())).toEqual(JSON.parse(node.persisted));
    }
  });

  it('runs the effect of its state again after a restart, with the same key and deadline', () => {
    for (const node of nodes) {
      const { invoked } = restage(machine, { ...node, now: node.now + 3_600_000 });
      expect(invoked).toEqual(node.invocation ? [node.invocation] : []);
    }
  });

  it('takes no transition and tells nobody anything by a restart alone', () => {
    for (const node of nodes) {
      const { taken, emitted } = restage(machine, node);
      expect({ taken: taken.length, emitted }).toEqual({ taken: 0, emitted: [] });
    }
  });

  it('holds only what JSON can', () => {
    for (const node of nodes) {
      const { context } = restage(machine, node);
      // What is absent and what is undefined is the same to a chart.
      expect(JSON.parse(JSON.stringify(context))).toEqual(context);
    }
  });
});

it('a failure comes back from JSON with its details and causes', () => {
  const cause = failure('retry', { code: 'image_unavailable', details: { sha256: 'ab', sizes: [1, 2] } });
  const stage = new Stage(instanceMachine, { input: { uuid: 'u', maxAttempts: 1 } });
  stage.send({ type: 'instance.scheduled', host: 'host-1' });
  while (stage.underWay?.effect !== 'createDisks') succeed(stage);
  stage.fail(failure('abort', { code: 'disk_full', cause }));
  const restored = restage(instanceMachine, { persisted: stage.persist(), now: stage.now });
  const { fault } = restored.context as InstanceContext;
  expect(fault).toEqual({ ...failure('abort', { code: 'disk_full', cause }), step: 'spawning', at: stage.now });
});

it('a settled instance takes less than 2 kB, also with several ports and a long history', () => {
  const tried = Array.from({ length: 3 }, (_, index) => ({
    host: `compute-${index}.example.org`,
    failure: failure('reschedule'),
  }));
  const settled = exploreInstance().nodes.filter(({ invocation }) => !invocation);
  expect(settled.length).toBeGreaterThan(0);
  for (const { value, persisted } of settled) {
    const snapshot = JSON.parse(persisted) as { context: InstanceContext };
    const context = { ...snapshot.context, tried, ports: [port, port, port] };
    const bytes = JSON.stringify({ ...snapshot, context }).length;
    expect({ path: statePath(value), isSmall: bytes < 2048 }).toEqual({ path: statePath(value), isSmall: true });
  }
});

it('keeps no trace of effects that have ended in a settled instance', () => {
  for (const { invocation, persisted } of exploreInstance().nodes) {
    if (!invocation) expect(JSON.parse(persisted)).toMatchObject({ children: {} });
  }
});
