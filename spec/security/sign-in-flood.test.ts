/** A client of the bus that guesses passwords under inboxes that it invents, each as if it were another client. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Role, startCloud } from '../../actors/cloud/cloud.ts';
import { ensureFirstRecords } from '../../actors/cloud/first-records.ts';
import { ensureFirstAdmin } from '../../actors/identity/first-admin.ts';
import { createLogger } from '../../actors/runtime/logger.ts';
import { createRuntime, type Runtime } from '../../actors/runtime/runtime.ts';
import { systemChance, systemClock } from '../../transport/clock.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { subjects } from '../../transport/nats/subjects.ts';
import { Browser, startTestWeb } from '../http/support.ts';
import { type SecuredNats, startSecuredNats } from '../support/secured-nats.ts';

const roles: Role[] = ['controller', 'api'];
const ann = { user: 'ann', password: 'a password of hers' };
/** Long enough that many wait, and not for long. */
const passwordCost = { cost: 2 ** 14, blockSize: 8, parallelization: 1 };
const { resource, verb } = api.session.create;
let nats: SecuredNats;
let browser: Browser;
const stops: (() => Promise<unknown>)[] = [];

function runtimeOn(bus: Bus): Promise<Runtime> {
  return createRuntime({ bus, clock: systemClock, chance: systemChance, logger: createLogger('fatal') });
}

beforeAll(async () => {
  nats = await startSecuredNats();
  stops.push(() => nats.stop());
  const runtime = await runtimeOn(await nats.connectPart('up'));
  const { token } = await ensureFirstAdmin(runtime, join(nats.folder, 'admin-token'));
  await ensureFirstRecords(runtime, undefined);
  const cloud = await startCloud(runtime, { roles, controller: { passwordCost } });
  stops.push(
    () => runtime.store.close(),
    () => cloud.stop(),
  );
  const admin = new ApiClient(runtime.bus, token);
  await admin.ask(api.user.create, { id: ann.user, name: 'Ann', password: ann.password });
  await admin.ask(api.user.grant, { id: ann.user, projectId: 'admin', role: 'reader' });
  const web = await startTestWeb(await runtimeOn(await nats.connectPart('web')));
  stops.push(() => web.stop());
  browser = new Browser(web.origin);
});

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

it('keeps nobody from signing in through a web server', async () => {
  const { connection } = (await nats.connect(nats.clientCredentials('shop'), 'tenant')).nats;
  let guessed = 0;
  const statuses: number[] = [];
  while (statuses.length < 3) {
    // Many times as many as may wait.
    for (let each = 0; each < 200; each++) {
      const body = JSON.stringify({ user: `nobody ${++guessed}`, password: 'a guess' });
      connection.publish(subjects.api(resource, verb), body, { reply: `_INBOX.invented${guessed}.x` });
    }
    await connection.flush();
    statuses.push((await browser.signIn(ann)).status);
  }
  expect(nats.refusals).toEqual([]);
  expect(statuses).toEqual([200, 200, 200]);
});
