/** Where the life of an instance stands, which its owner says, apart from what a client asked for. */
import { type Instance, InstanceLife } from '../../transport/messages/records.ts';

const keys = Object.keys(InstanceLife.properties) as (keyof InstanceLife)[];

export function lifeOf(record: Instance): InstanceLife {
  const told = keys.filter((key) => record[key] !== undefined).map((key) => [key, record[key]]);
  return Object.fromEntries(told) as InstanceLife;
}

/** The record with a life that has gone on; what is not said of it any more is gone. */
export function withLife(record: Instance, life: InstanceLife): Instance {
  const asked = { ...record };
  for (const key of keys) delete (asked as Partial<Instance>)[key];
  return { ...asked, ...life };
}
