/** A world for a story that is told by its actions: one of each part, as much of everything as is wanted, clocks that agree. */
import type { WorldPlan } from './world.ts';

export function plainPlan(more: Partial<WorldPlan> = {}): WorldPlan {
  return {
    seed: 1,
    hosts: ['host-1'],
    vcpusOfHost: 8,
    controllers: 1,
    schedulers: 1,
    networks: 1,
    quota: -1,
    cidr: '10.20.0.0/22',
    sharers: 0,
    skewMs: 0,
    ...more,
  };
}
