/** Users for the tests of identity, made by request as an administrator would. */
import { api } from '../../transport/messages/api.ts';
import type { RoleName } from '../../transport/messages/records.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { TestCloud } from '../support/test-cloud.ts';

let names = 0;

/** A user with a token for a project of its own. */
export async function newUser({ client: admin, runtime }: TestCloud, roles: RoleName[] = ['member']) {
  const { project } = await admin.ask(api.project.create, { name: `project ${++names}` });
  const { user } = await admin.ask(api.user.create, { name: `user ${names}` });
  for (const role of roles) await admin.ask(api.user.grant, { id: user.id, projectId: project.id, role });
  const { secret } = await admin.ask(api.token.create, { userId: user.id, projectId: project.id });
  return { id: user.id, projectId: project.id, client: new ApiClient(runtime.bus, secret) };
}

/** The failure that a request was refused with; nothing when it was not. */
export function refused(asked: Promise<unknown>) {
  return asked.then(
    () => undefined,
    ({ failure }) => failure,
  );
}
