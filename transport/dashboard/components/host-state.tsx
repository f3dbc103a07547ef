/** How a host is, and whether new instances come to it. */
import type { HostView } from '../../messages/api/host.ts';
import { State, type Tone } from './state.tsx';

export function HostState({ host }: { host: HostView }) {
  const { tone, text } = standingOf(host);
  return <State tone={tone}>{text}</State>;
}

export function isDown({ downSince, isAlive }: HostView): boolean {
  return downSince !== undefined || !isAlive;
}

function standingOf(host: HostView): { tone: Tone; text: string } {
  if (isDown(host)) return { tone: 'bad', text: host.hypervisorState === 'stopped' ? 'stopped' : 'down' };
  if (host.hypervisorState !== 'up') return { tone: 'warning', text: `hypervisor ${host.hypervisorState}` };
  if (host.service !== 'enabled') return { tone: 'idle', text: host.service };
  return { tone: 'good', text: 'up' };
}
