/** The project that the token is for. */
import { api } from '../../messages/api.ts';
import type { ApiClient } from '../../nats/api-client.ts';

export async function currentProject(client: ApiClient): Promise<string> {
  return (await client.ask(api.token.get, {})).token.projectId;
}
