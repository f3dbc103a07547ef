/**
 * Security groups of a project, and their rules.
 *
 * A rule may name another group, and a group that is named stays: so each change is decided over all groups as they are,
 * and none is written that was decided over others. A group that an instance has stays too: it is looked for again when
 * the group is gone, and whoever admits an instance looks again for its groups, so that one of the two sees the other.
 */
import { type FailureError, fail } from '../../machines/failure.ts';
import { api } from '../../transport/messages/api.ts';
import type { SecurityGroup } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import { securityGroupKey } from '../records/keys.ts';
import { missing } from '../records/lookup.ts';
import { viewSecurityGroup } from '../records/security-group-view.ts';
import { defaultSecurityGroup, ensureDefaultSecurityGroup } from './default-security-group.ts';
import { checkRule, isSameRule } from './security-group-rule.ts';
import { nameTaken } from './store-order.ts';
import { keepWithinQuota } from './within-quota.ts';
import type { Writes } from './writes.ts';

const maxRules = 200;

export const securityGroupWrites: Writes = async (on, { store, clock, chance, admissions }) => {
  const [bucket, view, instances] = await Promise.all([
    store.bucket('securityGroup'),
    store.view('securityGroup'),
    store.view('instance'),
  ]);

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
    const revision = await bucket.create(key, value);
    if (revision === conflict) throw nameTaken('security group', name);
    const isOwn = (each: SecurityGroup) => each.projectId === projectId;
    await keepWithinQuota({ bucket, view, key, revision }, store, 'securityGroups', projectId, isOwn);
    return answer({ key, value, revision });
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
        if (rule.group !== undefined && !view.get(securityGroupKey(projectId, rule.group))) {
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
    const { key, value, revision } = await decide(projectId, name, () => {
      const user = [...view.values()].find(
        (each) => each.projectId === projectId && each.name !== name && each.rules.some(({ group }) => group === name),
      );
      if (user) throw inUse(name, `is named by a rule of group ${user.name}`);
      return undefined;
    });
    try {
      await refuseUsedByInstance(projectId, name);
    } catch (error) {
      await bucket.create(key, value);
      throw error;
    }
    return { reply: {}, written: [{ bucket: 'securityGroup', revision, removed: key }] };
  });

  async function change(
    projectId: string,
    name: string,
    next: (group: SecurityGroup) => SecurityGroup,
  ): Promise<Entry<SecurityGroup>> {
    if (name === defaultSecurityGroup) await ensureDefaultSecurityGroup({ bucket, view, clock }, projectId);
    return decide(projectId, name, next);
  }

  /**
   * Writes what becomes of the group, or removes it when that is nothing; nobody has written any group since the view
   * that it was decided on. Resolves with what is written, or with what was removed.
   */
  async function decide(
    projectId: string,
    name: string,
    next: (group: SecurityGroup) => SecurityGroup | undefined,
  ): Promise<Entry<SecurityGroup>> {
    const key = securityGroupKey(projectId, name);
    for (;;) {
      await view.caughtUp();
      const entry = view.entry(key);
      if (!entry) throw missing('security group', name, '/securityGroup');
      const value = next(entry.value);
      const revision = await bucket.decide(key, value, view.revision);
      if (revision !== conflict) return value ? { key, value, revision } : entry;
    }
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

function answer({ value, revision }: Entry<SecurityGroup>) {
  return {
    reply: { securityGroup: viewSecurityGroup(value) },
    written: [{ bucket: 'securityGroup' as const, revision }],
  };
}

function inUse(name: string, why: string): FailureError {
  return fail('conflict', `the group ${name} ${why}`, { details: { field: '/securityGroup' } });
}
