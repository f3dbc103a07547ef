/** What a rule may say. What each field may hold is in its schema; this is what they may hold together. */
import { Address4, Address6 } from 'ip-address';
import { fail } from '../../machines/failure.ts';
import type { SecurityGroupRule } from '../../transport/messages/records.ts';

export type Rule = Omit<SecurityGroupRule, 'id'>;

/** The rule in its one usual form. Throws `invalid_request`, naming the field. */
export function checkRule({ direction, protocol, fromPort, toPort, cidr, group }: Rule): Rule {
  if (protocol === undefined) refusePorts(fromPort, toPort);
  else if (protocol === 'icmp') checkIcmp(fromPort, toPort);
  else checkPorts(fromPort, toPort);
  if (cidr !== undefined && group !== undefined) throw refuse('/group', 'excludes /cidr');
  return {
    direction,
    ...(protocol !== undefined && { protocol }),
    ...(fromPort !== undefined && { fromPort }),
    ...(toPort !== undefined && { toPort }),
    ...(cidr !== undefined && { cidr: normalBlock(cidr) }),
    ...(group !== undefined && { group }),
  };
}

/** Whether they allow the same. */
export function isSameRule(a: Rule, b: Rule): boolean {
  return (['direction', 'protocol', 'fromPort', 'toPort', 'cidr', 'group'] as const).every(
    (field) => a[field] === b[field],
  );
}

function refusePorts(fromPort: number | undefined, toPort: number | undefined): void {
  const field = fromPort !== undefined ? '/fromPort' : '/toPort';
  if (fromPort !== undefined || toPort !== undefined) throw refuse(field, 'needs a /protocol that has ports');
}

function checkPorts(fromPort: number | undefined, toPort: number | undefined): void {
  if (fromPort === undefined && toPort === undefined) return;
  if (fromPort === undefined) throw refuse('/fromPort', 'is needed beside /toPort');
  if (toPort === undefined) throw refuse('/toPort', 'is needed beside /fromPort');
  if (fromPort < 1) throw refuse('/fromPort', 'must be at least 1');
  if (fromPort > toPort) throw refuse('/toPort', 'must not be less than /fromPort');
}

function checkIcmp(type: number | undefined, code: number | undefined): void {
  if (type === undefined && code !== undefined) throw refuse('/fromPort', 'is needed: a code is one of a type');
  if ((type ?? 0) > 255) throw refuse('/fromPort', 'must be at most 255: it is the type');
  if ((code ?? 0) > 255) throw refuse('/toPort', 'must be at most 255: it is the code');
}

/** `10.1.2.3/8` is `10.0.0.0/8`; an address alone is a block of one. */
function normalBlock(cidr: string): string {
  if (Address4.isValid(cidr)) return new Address4(cidr).networkForm();
  // A zone names an interface of one machine.
  if (Address6.isValid(cidr) && !cidr.includes('%')) return new Address6(cidr).networkForm();
  throw refuse('/cidr', 'is not a block of IPv4 or IPv6 addresses');
}

function refuse(field: string, why: string) {
  return fail('invalid_request', `field ${field} ${why}`, { details: { field } });
}
