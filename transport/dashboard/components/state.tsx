/** The state of an instance, a host or an image: a dot in the colour of its kind, and always the word. */

export type Tone = 'good' | 'busy' | 'idle' | 'warning' | 'bad';

const tones: Record<string, Tone> = {
  active: 'good',
  building: 'busy',
  stopped: 'idle',
  paused: 'warning',
  suspended: 'idle',
  resized: 'warning',
  deleted: 'idle',
  error: 'bad',
};

export function toneOf({ vmState, taskState }: { vmState: string; taskState?: string | undefined }): Tone {
  if (vmState === 'error') return 'bad';
  return taskState ? 'busy' : (tones[vmState] ?? 'idle');
}

export function State({ tone, children }: { tone: Tone; children: string }) {
  return <span class={`state ${tone}`}>{children}</span>;
}

/** Where its life stands, and what is under way. */
export function InstanceState({ vmState, taskState }: { vmState: string; taskState?: string | undefined }) {
  const under = taskState?.replaceAll('_', ' ');
  return <State tone={toneOf({ vmState, taskState })}>{under ? `${vmState} · ${under}` : vmState}</State>;
}
