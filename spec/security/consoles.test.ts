/** Who may neither listen to a console nor type into it: everybody but its host and the web servers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemChance } from '../../transport/clock.ts';
import { computeCalls } from '../../transport/messages/internal.ts';
import type { Bus } from '../../transport/nats/bus.ts';
import { any, subjects } from '../../transport/nats/subjects.ts';
import { type SecuredNats, startSecuredNats } from '../support/secured-nats.ts';
import { eventually } from '../support/test-cloud.ts';

const linkId = systemChance.uuid();
const input = subjects.consoleInput('owner', linkId);
const attach = subjects.computeCall('owner', computeCalls.attachConsole.name);
const open = subjects.computeCall('owner', computeCalls.openConsole.name);
const others = ['client', 'administrator', 'api', 'controller', 'scheduler', 'network', 'thief'] as const;

let nats: SecuredNats;
const buses = new Map<string, Bus>();
/** Where the bytes of the guest go. */
let inbox: string;

beforeAll(async () => {
  nats = await startSecuredNats();
  for (const role of ['api', 'controller', 'scheduler', 'network', 'web'] as const) {
    buses.set(role, await nats.connectPart(role));
  }
  for (const host of ['owner', 'thief']) buses.set(host, await nats.connectPart('compute', host));
  buses.set('client', await nats.connect(nats.clientCredentials('shop'), 'client'));
  buses.set(
    'administrator',
    await nats.connect(nats.clientCredentials('admin', { roles: ['admin'] }), 'administrator'),
  );
  inbox = busOf('web').newInbox();
});

afterAll(() => nats?.stop());

function busOf(name: string): Bus {
  const bus = buses.get(name);
  if (!bus) throw new Error(`nobody is ${name}`);
  return bus;
}

async function untilRefused(name: string, operation: 'publish' | 'subscribe', subject: string): Promise<void> {
  const { connection } = busOf(name).nats;
  if (operation === 'publish') connection.publish(subject, 'ls\r');
  else connection.subscribe(subject, { callback: () => undefined });
  await eventually(() => nats.refusals.find((refusal) => refusal === `${name} ${operation} ${subject}`));
}

describe.each(others)('%s', (name) => {
  it('can neither type into a console, nor show a token', async () => {
    for (const subject of [input, attach]) await untilRefused(name, 'publish', subject);
  });

  it('can neither listen to what is typed, nor to what is shown', async () => {
    const typed = [input, subjects.consoleInput('owner', any), subjects.consoleInput(any, any)];
    for (const subject of [...typed, attach, inbox]) await untilRefused(name, 'subscribe', subject);
  });
});

it('only API servers ask for consoles, and nobody but the host of the guest hears it', async () => {
  for (const name of ['client', 'administrator', 'controller', 'web', 'thief'])
    await untilRefused(name, 'publish', open);
  for (const name of ['client', 'web', 'api', 'thief']) await untilRefused(name, 'subscribe', open);
});

it('a web server types into a console, and hears what is shown there', async () => {
  const before = nats.refusals.length;
  const heard: string[] = [];
  busOf('owner').subscribe(input, ({ data }) => {
    heard.push(Buffer.from(data).toString());
    busOf('owner').send(inbox, 'shown');
  });
  busOf('web').subscribe(inbox, ({ data }) => heard.push(Buffer.from(data).toString()));
  await Promise.all(['owner', 'web'].map((name) => busOf(name).nats.connection.flush()));
  busOf('web').send(input, 'typed');
  await eventually(() => heard.length === 2 || undefined);
  expect(heard).toEqual(['typed', 'shown']);
  expect(nats.refusals).toHaveLength(before);
});
