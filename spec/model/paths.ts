/**
 * Paths through a specification, by XState's own generator: shortest ones that together take every event in every state,
 * each the beginning of no other. Bounded by the number of states that are looked at.
 */
import { createTestModel, getAdjacencyMap } from 'xstate/graph';
import { readSpecified, type Specification, type Specified } from './specification.ts';

export type Path = readonly string[];

const mostLooks = 100_000;

/** Enough paths for every event that can be played in every state of the specification that is told apart. */
export function generatePaths<Context>(
  { machine, events, next, identify }: Specification<Context>,
  isPlayable: (specified: Specified<Context>, event: string) => boolean = () => true,
): Path[] {
  const identityOf = (snapshot: unknown) => identify(readSpecified(snapshot));
  const model = createTestModel(machine, {
    events: events.map((type) => ({ type })),
    limit: mostLooks,
    // Each way into a state is one of its own.
    serializeState: (snapshot, event, before) =>
      JSON.stringify([before && identityOf(before), event?.type, identityOf(snapshot)]),
    filterEvents(snapshot, { type }) {
      const specified = readSpecified<Context>(snapshot);
      return next(specified, type) !== undefined && isPlayable(specified, type);
    },
  });
  // A path begins with XState's own event, which is nobody's.
  return model
    .getShortestPaths()
    .map(({ steps }) => steps.map(({ event }) => String(event.type)).filter((type) => !type.startsWith('xstate.')));
}

/** The smallest share of the paths, chosen greedily, in which everything stands that `featuresOf` tells of any. */
export function choosePaths(paths: readonly Path[], featuresOf: (path: Path) => Iterable<string>): Path[] {
  const left = paths.map((path) => ({ path, features: new Set(featuresOf(path)) }));
  const chosen: Path[] = [];
  for (;;) {
    let best: (typeof left)[number] | undefined;
    for (const each of left) {
      if (each.features.size === 0) continue;
      const gain = each.features.size / each.path.length;
      if (!best || gain > best.features.size / best.path.length) best = each;
    }
    if (!best) return chosen;
    chosen.push(best.path);
    const taken = new Set(best.features);
    for (const { features } of left) for (const feature of taken) features.delete(feature);
  }
}

export interface StateGraph {
  states: string[];
  /** The states from which none of those can be reached in which `isRest` holds. */
  stuck: string[];
}

/** What can be reached at all, of what is told apart; and from where no rest can be. */
export function findStuck<Context>(spec: Specification<Context>, isRest: (state: string) => boolean): StateGraph {
  const { machine, events, next, identify } = spec;
  const identityOf = (snapshot: unknown) => JSON.stringify(identify(readSpecified(snapshot)));
  const graph = getAdjacencyMap(machine, {
    events: events.map((type) => ({ type })),
    filterEvents: (snapshot, { type }) => next(readSpecified(snapshot), type) !== undefined,
    limit: mostLooks,
    serializeState: identityOf,
  });
  const before = new Map<string, string[]>();
  for (const [from, { transitions }] of Object.entries(graph)) {
    for (const leading of Object.values(transitions)) {
      const to = identityOf((leading as { state: unknown }).state);
      before.set(to, [...(before.get(to) ?? []), from]);
    }
  }
  const isResting = (node: string) => isRest(readSpecified<Context>(graph[node as keyof typeof graph]?.state).state);
  const states = Object.keys(graph);
  const reaching = new Set(states.filter(isResting));
  for (const node of reaching) for (const earlier of before.get(node) ?? []) reaching.add(earlier);
  return { states, stuck: states.filter((node) => !reaching.has(node)) };
}
