/**
 * Who is signed in, in which project. The session itself is a cookie that no script can read; here is what the server says
 * of it.
 */
import { computed, signal } from '@preact/signals';
import { FailureError } from '../../machines/failure.ts';
import { api } from '../messages/api.ts';
import type { SessionView, SignIn } from '../messages/web.ts';
import { ask, exchange, onSignedOut } from './ask.ts';

/** Absent: it is not known yet; null: nobody is. */
export const session = signal<SessionView | null | undefined>(undefined);

export const isAdministrator = computed(() => session.value?.roles.includes('admin') ?? false);
/** Whether the user may change what is the project's. */
export const isMember = computed(() => session.value?.roles.some((role) => role !== 'reader') ?? false);

/** Whose eyes see what is shown: changes when somebody else is signed in, or in another project, or with other roles. */
export const viewer = computed(() => {
  const who = session.value;
  return who ? JSON.stringify([who.user.id, who.project.id, who.roles]) : undefined;
});

onSignedOut(() => {
  session.value = null;
});

/** Takes up the session that the browser still has. Rejects when the server does not say. */
export async function resumeSession(): Promise<void> {
  try {
    session.value = await exchange<SessionView>('GET', '/session');
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'unauthenticated') session.value = null;
    else throw error;
  }
}

/** Rejects with `unauthenticated` when who it is cannot be proved so. */
export async function signIn(proof: SignIn): Promise<void> {
  session.value = await exchange<SessionView>('POST', '/session', proof);
}

export async function signOut(): Promise<void> {
  await exchange('DELETE', '/session');
  session.value = null;
}

/**
 * Goes on in another project: by a token for that one, which lives no longer than it takes to sign in with it. The session
 * ends when the new one has taken its place: where that fails, everything is as before.
 */
export async function switchProject(projectId: string): Promise<void> {
  const { token, secret } = await ask(api.token.create, { projectId, description: 'to change the project' });
  try {
    await signIn({ token: secret });
  } finally {
    await ask(api.token.revoke, { id: token.id });
  }
}
