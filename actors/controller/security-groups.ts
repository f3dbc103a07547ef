/**
 * Security groups of a project, and their rules.
 *
 * A rule may name another group, and a group that is named stays; and there are no more of them than the quota allows. So
 * each change is decided over all groups as they are, and none is written that was decided over others. A group that an
 * instance has stays too: it is looked for again when the group is marked as one that goes, and whoever admits an instance
 * looks again for its groups, so that one of the two sees the other. Until then the group counts, so it may stay.
 */
import { type FailureError, fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { SecurityGroup } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { securityGroupKey } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import { viewSecurityGroup } from '../records/security-group-view.ts';
import { type DecidedOver, decideOverAll } from './decide-over-all.ts';
import { defaultSecurityGroup, ensureDefaultSecurityGroup } from './default-security-group.ts';
import { checkRule, isSameRule } from './security-group-rule.ts';
import { nameTaken } from './store-order.ts';
import { limitOf, refuseBeyond } from './within-quota.ts';
import type { Writes } from './writes.ts';

const maxRules = 200;

export const securityGroupWrites: Writes = async (on, { store, clock, chance, admissions }) => {
  const [bucket, view, instances] = await Promise.all([
    store.bucket('securityGroup'),
    store.view('securityGroup'),
    store.view('instance'),
  ]);
  const keyOf = ({ projectId, name }: SecurityGroup) => securityGroupKey(projectId, name);
  const all: DecidedOver<SecurityGroup> = { bucket, view, keyOf };

  on(api.securityGroup.create, async ({ name, description = '' }, { caller: { projectId } }) => {
    if (name === defaultSecurityGroup) throw nameTaken('security group', name);
    const key = securityGroupKey(projectId, name);
    const value: SecurityGroup = {
      id: chance.uuid(),
      name,
      projectId,
      description,
      rules: [{ id: chance.uuid(), direction: 'egress' }],
      createdAt: clock.now(),
    };
    const limit = await limitOf(store, 'securityGroups', projectId);
    const made = await decideOverAll(all, () => {
      // Also one that cannot be read here.
      if (view.revisionOf(key) !== undefined) throw nameTaken('security group', name);
      const used = [...view.values()].filter((each) => each.projectId === projectId).length;
      refuseBeyond(limit, 'securityGroups', used);
      return value;
    });
    return answer(made);
  });

  on(api.securityGroup.update, async ({ securityGroup, description }, { caller }) =>
    answer(await change(caller.projectId, securityGroup, (group) => ({ ...group, description }))),
  );

  on(api.securityGroup.addRule, async ({ securityGroup, ...asked }, { caller: { projectId } }) => {
    const rule = checkRule(asked);
    if (rule.group === defaultSecurityGroup) await ensureDefaultSecurityGroup({ bucket, view, clock }, projectId);
    const id = chance.uuid();
    return answer(
      await change(projectId, securityGroup, (group) => {
        if (rule.group !== undefined && !isNameable(view.get(securityGroupKey(projectId, rule.group)))) {
          throw missing('security group', rule.group, '/group');
        }
        if (group.rules.some((each) => isSameRule(each, rule))) {
          throw fail('already_exists', `the group ${group.name} has this rule already`);
        }
        if (group.rules.length >= maxRules) {
          throw fail('quota_exceeded', `a group has at most ${maxRules} rules`, { details: { limit: maxRules } });
        }
        return { ...group, rules: [...group.rules, { id, ...rule }] };
      }),
    );
  });

  on(api.securityGroup.removeRule, async ({ securityGroup, ruleId }, { caller }) =>
    answer(
      await change(caller.projectId, securityGroup, (group) => {
        const rules = group.rules.filter(({ id }) => id !== ruleId);
        if (rules.length === group.rules.length) throw missing('rule', ruleId, '/ruleId');
        return { ...group, rules };
      }),
    ),
  );

  on(api.securityGroup.delete, async ({ securityGroup: name }, { caller: { projectId } }) => {
    if (name === defaultSecurityGroup) throw inUse(name, 'is what instances have that name none');
    await refuseUsedByInstance(projectId, name);
    const unnamed = () => {
      const group = there(projectId, name);
      const user = [...view.values()].find(
        (each) => each.projectId === projectId && each.name !== name && each.rules.some((rule) => rule.group === name),
      );
      if (user) throw inUse(name, `is named by a rule of group ${user.name}`);
      return group;
    };
    const { key, value, revision } = await decideOverAll(all, () => ({ ...unnamed(), isGoing: true as const }));
    try {
      await refuseUsedByInstance(projectId, name);
    } catch (error) {
      const { isGoing: _, ...kept } = value;
      // Whoever has edited it since has ended that already, and another deletion sees to its own.
      await bucket.update(key, kept, revision);
      throw error;
    }
    if ((await bucket.remove(key, revision)) === conflict) {
      throw fail('conflict', `the group ${name} has just been changed`, { disposition: 'retry' });
    }
    return { reply: {}, written: [{ bucket: 'securityGroup', revision, removed: key }] };
  });

  async function change(
    projectId: string,
    name: string,
    next: (group: SecurityGroup) => SecurityGroup,
  ): Promise<Entry<SecurityGroup>> {
    if (name === defaultSecurityGroup) await ensureDefaultSecurityGroup({ bucket, view, clock }, projectId);
    return decideOverAll(all, () => next(there(projectId, name)));
  }

  function there(projectId: string, name: string): SecurityGroup {
    const group = view.get(securityGroupKey(projectId, name));
    if (!group) throw missing('security group', name, '/securityGroup');
    const { isGoing: _, ...there } = group;
    return there;
  }

  /** Rejects with `conflict` when an instance has the group, or may be about to. */
  async function refuseUsedByInstance(projectId: string, name: string): Promise<void> {
    const underWay = await admissions.underWay(projectId);
    await instances.caughtUp();
    for (const instance of instances.values()) {
      const isUser = instance.projectId === projectId && instance.securityGroups.includes(name);
      if (isUser && instance.vmState !== 'deleted') throw inUse(name, `is that of instance ${instance.uuid}`);
    }
    if (underWay.some((uuid) => !instances.get(uuid))) {
      throw fail('conflict', `instances that may have the group ${name} are just being created`, {
        disposition: 'retry',
        details: { field: '/securityGroup' },
      });
    }
  }
};

/** Whether it is there for whoever has not named it yet. */
export function isNameable(group: SecurityGroup | undefined): boolean {
  return group !== undefined && group.isGoing === undefined;
}

function answer({ value, revision }: Entry<SecurityGroup>) {
  return {
    reply: { securityGroup: viewSecurityGroup(value) },
    written: [{ bucket: 'securityGroup' as const, revision }],
  };
}

function inUse(name: string, why: string): FailureError {
  return fail('conflict', `the group ${name} ${why}`, { details: { field: '/securityGroup' } });
}
