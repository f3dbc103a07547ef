/** `kilonova host events`: what happened. */
import { api } from '../../messages/api.ts';
import type { HostFact } from '../../nats/api-client.ts';
import type { Verb } from '../client/noun.ts';
import { showHistory } from './facts.ts';

export const eventsVerb: Verb = {
  word: 'events',
  endpoint: api.host.facts,
  description: 'What happened to a host, oldest first, as far back as it is kept.',
  arguments: ['host'],
  run: (invocation) => showHistory(invocation, api.host.facts, inWords),
  example: 'host1 --since 2h',
};

function inWords({ host, type, to, command, uuid, reason }: HostFact): string {
  const what = type === 'transition' ? to.replace(' ', ', ') : type === 'command' ? `asked to ${command}` : type;
  const guest = uuid ? ` ${uuid}` : '';
  const because = reason ? `  (${reason})` : '';
  return `${host}  ${what}${guest}${because}`;
}
