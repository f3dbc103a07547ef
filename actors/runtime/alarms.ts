/** Tells operators of what they should look at. */
import { type AlarmFact, facts } from '../../transport/messages/internal.ts';
import { publishFact } from '../../transport/nats/fact.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import type { Runtime } from './runtime.ts';

export function raiseAlarm({ bus, clock, logger }: Runtime, alarm: Omit<AlarmFact, 'at'>): void {
  logger.error(alarm, 'an alarm');
  publishFact(bus, subjects.alarm(alarm.kind), facts.alarm, { ...alarm, at: clock.now() });
}
