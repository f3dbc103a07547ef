/** Signing in, and the passwords that it takes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApiServer } from '../../actors/api/api-server.ts';
import { startController } from '../../actors/controller/controller.ts';
import { api } from '../../transport/messages/api.ts';
import { ApiClient } from '../../transport/nats/api-client.ts';
import { refusalOf } from '../messages/hostile.ts';
import { passwordCost, startTestCloud, type TestCloud } from '../support/test-cloud.ts';
import { newUser, refused } from './people.ts';

const password = 'correct horse battery staple';
const wrong = { code: 'unauthenticated', message: 'the user or the password is wrong' };
let cloud: TestCloud;
let admin: ApiClient;
/** Shows no token. */
let nobody: ApiClient;
beforeAll(async () => {
  cloud = await startTestCloud();
  admin = cloud.client;
  nobody = new ApiClient(cloud.runtime.bus, '');
});
afterAll(() => cloud.stop());

const signIn = (user: string, asked: { password?: string; projectId?: string } = {}) =>
  nobody.ask(api.session.create, { user, password, ...asked });
const refusedSignIn = (...asked: Parameters<typeof signIn>) => refused(signIn(...asked));

async function newPerson() {
  const person = await newUser(cloud);
  await admin.ask(api.user.update, { id: person.id, password });
  return person;
}

describe('signing in', () => {
  it('gives a token for twelve hours, with which one is the user', async () => {
    const { id, projectId } = await newPerson();
    const before = Date.now();
    const { token, secret, roles } = await signIn(id);
    expect(token).toMatchObject({ userId: id, projectId });
    expect(roles).toEqual(['member']);
    const lastsMs = Date.parse(token.expiresAt ?? '') - before;
    expect(Math.abs(lastsMs - 12 * 3600_000)).toBeLessThan(60_000);
    const client = new ApiClient(cloud.runtime.bus, secret);
    expect(await client.ask(api.token.get, {})).toEqual({ token, roles });
    await client.ask(api.token.revoke, { id: token.id });
    expect(await refused(client.ask(api.token.get, {}))).toMatchObject({ code: 'unauthenticated' });
  });

  it('takes a name that only one has, and what may be typed in more than one way', async () => {
    const { user } = await admin.ask(api.user.create, { name: 'Zoë', password: 'Gru\u0308n und gelb' });
    const { project } = await admin.ask(api.project.create, { name: 'zoo' });
    await admin.ask(api.user.grant, { id: user.id, projectId: project.id, role: 'reader' });
    const asked = { password: 'Gr\u00fcn und gelb' };
    expect((await signIn('Zoë', asked)).token.userId).toBe(user.id);
    const { user: other } = await admin.ask(api.user.create, { name: 'Zoë' });
    expect(await refusedSignIn('Zoë', asked)).toMatchObject(wrong);
    expect((await signIn(user.id, asked)).token.userId).toBe(user.id);
    await admin.ask(api.user.delete, { id: other.id });
    expect((await signIn('Zoë', asked)).token.userId).toBe(user.id);
  });

  it('is for the project that is named, or the first that may be used', async () => {
    const { id, projectId } = await newPerson();
    const { projectId: second } = await newUser(cloud);
    await admin.ask(api.user.grant, { id, projectId: second, role: 'reader' });
    expect((await signIn(id)).token.projectId).toBe(projectId);
    expect(await signIn(id, { projectId: second })).toMatchObject({ token: { projectId: second }, roles: ['reader'] });
    await admin.ask(api.project.update, { id: projectId, isEnabled: false });
    expect((await signIn(id)).token.projectId).toBe(second);
    const field = '/projectId';
    expect(await refusedSignIn(id, { projectId })).toMatchObject({ code: 'conflict', details: { field } });
    expect(await refusedSignIn(id, { projectId: 'admin' })).toMatchObject({ code: 'forbidden', details: { field } });
    await admin.ask(api.project.update, { id: second, isEnabled: false });
    expect(await refusedSignIn(id)).toMatchObject({ code: 'forbidden' });
  });

  it('is refused in the same words, whatever is wrong', async () => {
    const [{ id }, disabled, without] = [await newPerson(), await newPerson(), await newUser(cloud)];
    await admin.ask(api.user.update, { id: disabled.id, isEnabled: false });
    const refusals = [
      refusedSignIn(id, { password: 'wrong' }),
      ...['nobody', 'constructor', without.id, disabled.id].map((user) => refusedSignIn(user)),
    ];
    for (const refusal of refusals) expect(await refusal).toEqual({ ...wrong, disposition: 'abort' });
  });

  it('is refused after five wrong passwords, the right one too, also of nobody; others are let in', async () => {
    const [{ id }, other] = [await newPerson(), await newPerson()];
    for (const user of [id, 'no such user']) {
      const guesses = Array.from({ length: 7 }, (_, index) => refusedSignIn(user, { password: `guess ${index}` }));
      const outcomes = await Promise.all(guesses);
      expect(outcomes.filter((failure) => failure?.code === 'unauthenticated')).toHaveLength(5);
      expect(outcomes.filter((failure) => failure?.code === 'too_many_requests')).toHaveLength(2);
      const late = await refusedSignIn(user);
      expect(late).toMatchObject({ code: 'too_many_requests', disposition: 'retry' });
      expect(late?.details?.retryAfterSeconds).toBeLessThanOrEqual(60);
    }
    expect((await signIn(other.id)).token.userId).toBe(other.id);
  });

  it('is possible while another client of the bus guesses as fast as it can', async () => {
    const { id } = await newPerson();
    const guesser = new ApiClient((await cloud.connect()).bus, '');
    const guesses = Array.from({ length: 100 }, (_, index) =>
      refused(guesser.ask(api.session.create, { user: `nobody ${index}`, password: 'a guess' })),
    );
    for (let times = 0; times < 3; times++) expect((await signIn(id)).token.userId).toBe(id);
    const codes = new Set((await Promise.all(guesses)).map((failure) => failure?.code));
    expect(codes).toEqual(new Set(['unauthenticated', 'too_many_requests']));
  });

  it('is done by another controller with what the first has stored', async () => {
    const { id } = await newUser(cloud);
    const runtime = await cloud.connect();
    const [controller, server] = [await startController(runtime, { passwordCost }), await startApiServer(runtime)];
    try {
      await admin.ask(api.user.update, { id, password });
      const outcomes = await Promise.all([signIn(id), signIn(id)]);
      expect(new Set(outcomes.map(({ token }) => token.id)).size).toBe(2);
    } finally {
      await server.stop();
      await controller.stop();
    }
  });
});

describe('a password', () => {
  it('is changed by who knows the old one, and by administrators', async () => {
    const { id, client } = await newPerson();
    const change = (oldPassword: string) =>
      refused(client.ask(api.user.setPassword, { oldPassword, password: 'the second one' }));
    expect(await change('a guess')).toMatchObject({ code: 'forbidden', details: { field: '/oldPassword' } });
    expect(await change(password)).toBeUndefined();
    expect(await refusedSignIn(id)).toMatchObject(wrong);
    expect((await signIn(id, { password: 'the second one' })).token.userId).toBe(id);
    await admin.ask(api.user.update, { id, password: 'the third one' });
    expect((await signIn(id, { password: 'the third one' })).token.userId).toBe(id);
  });

  it('ends with its change the sessions that others have by it, and what they made; tokens that it did not make stay', async () => {
    const [{ id, client: program }, other] = [await newPerson(), await newPerson()];
    const open = async (user: string, password?: string) =>
      new ApiClient(cloud.runtime.bus, (await signIn(user, password === undefined ? {} : { password })).secret);
    const [own, thief, others] = [await open(id), await open(id), await open(other.id)];
    const made = new ApiClient(cloud.runtime.bus, (await thief.ask(api.token.create, {})).secret);
    const gone = (...clients: ApiClient[]) =>
      Promise.all(
        clients.map(async (each) => (await refused(each.ask(api.token.get, {})))?.code === 'unauthenticated'),
      );

    await own.ask(api.user.setPassword, { oldPassword: password, password: 'the second one' });
    expect(await gone(own, thief, made, program, others)).toEqual([false, true, true, false, false]);

    const late = await open(id, 'the second one');
    await admin.ask(api.user.update, { id, name: 'only renamed' });
    expect(await gone(own, late)).toEqual([false, false]);
    await admin.ask(api.user.update, { id, password: 'the third one' });
    expect(await gone(own, late, program, others)).toEqual([true, true, false, false]);
  });

  it('leaves no session that was begun with the old one while it was changed', async () => {
    const { id } = await newPerson();
    const signingIn = Array.from({ length: 6 }, () => signIn(id).catch(() => undefined));
    const changing = admin.ask(api.user.update, { id, password: 'the second one' });
    await Promise.all([...signingIn, changing]);
    expect((await admin.ask(api.token.list, { userId: id })).tokens).toHaveLength(1);
  });

  it('stays when the user is renamed or disabled for a while, and is first set by an administrator', async () => {
    const { id, client } = await newUser(cloud);
    const first = { oldPassword: 'anything', password };
    expect(await refused(client.ask(api.user.setPassword, first))).toMatchObject({ code: 'conflict' });
    await admin.ask(api.user.update, { id, password });
    await admin.ask(api.user.update, { id, name: `renamed ${id}`, isEnabled: false });
    await admin.ask(api.user.update, { id, isEnabled: true });
    expect((await signIn(`renamed ${id}`)).token.userId).toBe(id);
  });

  it('goes with its user, and is none of a later one with the same id', async () => {
    const { id } = await newPerson();
    await admin.ask(api.user.delete, { id });
    await admin.ask(api.user.create, { id, name: 'another' });
    expect(await refusedSignIn(id)).toMatchObject(wrong);
  });

  it('has 8 to 256 characters', () => {
    for (const [unfit, refusal] of [
      ['is of 7', 'must not have fewer than 8'],
      ['x'.repeat(257), 'must not have more than 256'],
    ]) {
      for (const [endpoint, request] of [
        [api.user.update, { id: 'ann', password: unfit }],
        [api.user.create, { name: 'ann', password: unfit }],
        [api.user.setPassword, { oldPassword: password, password: unfit }],
      ] as const) {
        const refused = refusalOf(endpoint.request, JSON.stringify(request));
        expect(refused).toMatchObject({ code: 'invalid_request', details: { field: '/password' } });
        expect(refused?.message).toContain(refusal);
        expect(refused?.message).not.toContain(unfit);
      }
    }
  });

  it('is stored as a digest that is another for each user, and shown to nobody', async () => {
    const [one, other] = [await newPerson(), await newPerson()];
    const users = await cloud.runtime.store.bucket('user');
    const stored = await Promise.all([one, other].map(async ({ id }) => (await users.get(id))?.value.password));
    expect(stored[0]).toMatchObject(passwordCost);
    expect(stored[0]?.salt).not.toBe(stored[1]?.salt);
    expect(stored[0]?.digest).not.toBe(stored[1]?.digest);
    const shown = JSON.stringify([
      await admin.ask(api.user.list, {}),
      await admin.ask(api.user.get, { id: one.id }),
      await admin.ask(api.user.update, { id: one.id, password }),
    ]);
    for (const secret of [password, 'password', stored[0]?.digest ?? '']) expect(shown).not.toContain(secret);
  });
});
