/**
 * What the benchmark measures: every key that `--json` may hold, with its unit and what it means. The keys are stable;
 * `npm run bench -- --keys` prints this list. A part that was not chosen leaves its keys out.
 */

export const layouts = ['oneProcess', 'processes'] as const;
export type Layout = (typeof layouts)[number];

/** Launches that are under way at a time. */
export const concurrencies = [1, 50, 500] as const;

/** Whom a launch goes through. */
export const launchParts = ['api', 'controller', 'scheduler', 'network', 'compute'] as const;

/** Where CPU is spent, by layout; `total` is everything but the client. */
export const cpuParts: Record<Layout, readonly string[]> = {
  oneProcess: ['cloud', 'natsServer', 'total', 'client'],
  processes: [...launchParts, 'natsServer', 'total', 'client'],
};

/** Launches under way while CPU is counted. */
export const cpuConcurrency = 50;

export const natsOperations = ['request', 'publish', 'put'] as const;
export const startedParts = ['node', 'natsServer', 'up', ...launchParts, 'web'] as const;

export const partNames = ['launches', 'nats', 'heap', 'list', 'startup', 'recovery'] as const;
export type PartName = (typeof partNames)[number];

export interface Documented {
  part: PartName;
  unit: string;
  meaning: string;
}

const meaningOf = {
  request: 'request and reply between two plain clients',
  publish: 'JetStream publish with its acknowledgement, to a file',
  put: 'key-value put with its acknowledgement, to a file',
} satisfies Record<(typeof natsOperations)[number], string>;

export const documented: ReadonlyMap<string, Documented> = new Map<string, Documented>([
  ...layouts.flatMap((layout) => [...launchKeys(layout), ...cpuKeys(layout)]),
  [
    'shape.calls',
    { part: 'launches', unit: '', meaning: 'calls of one launch, recorded and then made by the bare chain' },
  ],
  ['shape.casts', { part: 'launches', unit: '', meaning: 'casts of one launch: publish, acknowledgement, consumer' }],
  ['shape.records', { part: 'launches', unit: '', meaning: 'acknowledged writes of records of one launch' }],
  ['shape.reads', { part: 'launches', unit: '', meaning: 'records that one launch has the store asked for' }],
  ['shape.facts', { part: 'launches', unit: '', meaning: 'facts that one launch publishes' }],
  ...natsOperations.flatMap((operation) =>
    concurrencies.flatMap((count): [string, Documented][] => {
      const about = `${meaningOf[operation]}, ${count} in flight`;
      return [
        [`nats.${operation}.${count}.perSecond`, { part: 'nats', unit: '/s', meaning: about }],
        [`nats.${operation}.${count}.p50Ms`, { part: 'nats', unit: 'ms', meaning: about }],
      ];
    }),
  ),
  ['heap.settled.bytes', { part: 'heap', unit: 'B', meaning: 'heap of a running instance in its compute process' }],
  ['heap.inFlight.bytes', { part: 'heap', unit: 'B', meaning: 'heap of an instance that waits for its network' }],
  [
    'heap.forgotten.bytes',
    { part: 'heap', unit: 'B', meaning: 'heap that an instance leaves behind which nobody keeps' },
  ],
  ['heap.viewed.bytes', { part: 'heap', unit: 'B', meaning: 'heap of an instance in the view that a part has of all' }],
  ['heap.instances', { part: 'heap', unit: '', meaning: 'instances that these rest on' }],
  ['list.instances', { part: 'list', unit: '', meaning: 'instances that were listed' }],
  ['list.pages', { part: 'list', unit: '', meaning: 'requests that it took: a page holds 768 KiB at most' }],
  ['list.bytes', { part: 'list', unit: 'B', meaning: 'all pages together, as JSON' }],
  ['list.p50Ms', { part: 'list', unit: 'ms', meaning: 'instance.list of all of them, with the client’s checks' }],
  ['list.p99Ms', { part: 'list', unit: 'ms', meaning: 'the same' }],
  ['list.bareP50Ms', { part: 'list', unit: 'ms', meaning: 'as many bytes in as many plain requests' }],
  ['list.ratio', { part: 'list', unit: '×', meaning: 'list.p50Ms to list.bareP50Ms' }],
  ...startedParts.map((name): [string, Documented] => [
    `startup.${name}.ms`,
    { part: 'startup', unit: 'ms', meaning: startMeaningOf(name) },
  ]),
  ['recovery.instances', { part: 'recovery', unit: '', meaning: 'running instances of the host that comes back' }],
  [
    'recovery.stopped.ms',
    {
      part: 'recovery',
      unit: 'ms',
      meaning: 'a compute process that was stopped, from its next start until the host is up with all of them',
    },
  ],
  [
    'recovery.killed.ms',
    { part: 'recovery', unit: 'ms', meaning: 'the same of one that was killed: its lease has to run out first' },
  ],
  [
    'recovery.lost.launches',
    { part: 'recovery', unit: '', meaning: 'launches that are on a host, each in its midst, when that is lost' },
  ],
  [
    'recovery.lost.declared.ms',
    { part: 'recovery', unit: 'ms', meaning: 'from then until the host is declared down, for not being heard' },
  ],
  [
    'recovery.lost.rescheduled.ms',
    { part: 'recovery', unit: 'ms', meaning: 'from then until the last of them runs on another host' },
  ],
  [
    'recovery.settled.perSecond',
    { part: 'recovery', unit: '/s', meaning: 'running instances restored from their records, in one process' },
  ],
  [
    'recovery.inFlight.perSecond',
    {
      part: 'recovery',
      unit: '/s',
      meaning: 'launches under way restored from their records, their effects begun again',
    },
  ],
  [
    'recovery.worlds.perSecond',
    { part: 'recovery', unit: '/s', meaning: 'simulated worlds with faults, each to its end and checked, on one CPU' },
  ],
]);

function launchKeys(layout: Layout): [string, Documented][] {
  const where = layout === 'oneProcess' ? 'all parts in one process' : 'one process a part';
  return concurrencies.flatMap((count) => {
    const document = (unit: string, meaning: string): Documented => ({
      part: 'launches',
      unit,
      meaning: `${meaning}, ${where}, ${count} at a time`,
    });
    return (['launches', 'bareChain'] as const)
      .flatMap((what): [string, Documented][] => {
        const name = what === 'launches' ? 'launch' : 'bare chain';
        return [
          [`${what}.${layout}.${count}.perSecond`, document('/s', `${name}: median rate of the rounds`)],
          [`${what}.${layout}.${count}.p50Ms`, document('ms', `${name}: from the request to the fact that it runs`)],
          [`${what}.${layout}.${count}.p99Ms`, document('ms', `${name}: the same`)],
        ];
      })
      .concat([
        [`ratio.${layout}.${count}.perSecond`, document('×', 'rate of the bare chain to that of launches')],
        [`ratio.${layout}.${count}.p50`, document('×', 'p50 of launches to that of the bare chain')],
      ]);
  });
}

function cpuKeys(layout: Layout): [string, Documented][] {
  return cpuParts[layout].flatMap((part): [string, Documented][] => {
    const document = (unit: string, meaning: string): Documented => ({
      part: 'launches',
      unit,
      meaning: `${meaning}: ${part}, ${layout}, ${cpuConcurrency} at a time`,
    });
    return [
      [`cpu.${layout}.${part}.launchUs`, document('µs', 'CPU of a launch')],
      [`cpu.${layout}.${part}.bareUs`, document('µs', 'CPU of the bare chain')],
      [`cpu.${layout}.${part}.ratio`, document('×', 'CPU of a launch to that of the bare chain')],
    ];
  });
}

function startMeaningOf(name: (typeof startedParts)[number]): string {
  if (name === 'node') return 'the bare reference: Node connects to NATS, and says so';
  if (name === 'natsServer') return 'a nats-server with an empty store, until JetStream answers';
  if (name === 'up') return '`kilonova up`, until a new cloud with its own nats-server is up';
  return `\`kilonova ${name}\`, from its start until it says that it is ready`;
}
