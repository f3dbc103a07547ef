/**
 * Who is signed in, in which project. The session itself is a cookie that no script can read; here is what the server says
 * of it.
 */
import { computed, effect, signal } from '@preact/signals';
import { type Failure, FailureError, fail, toFailure } from '../../machines/failure.ts';
import { api } from '../messages/api.ts';
import type { SessionView, SignIn } from '../messages/web.ts';
import { ask, exchange, onSignedOut, turnSession, watchSession } from './ask.ts';

/** How soon the server is asked again that did not say; later and later (ms). */
const leastPauseMs = 1_000;
const mostPauseMs = 10_000;
/** How much earlier it may be here than at the server (ms). */
const mostAheadMs = 60_000;

/** Absent: it is not known yet; null: nobody is. */
export const session = signal<SessionView | null | undefined>(undefined);

/** Why it is not known. */
export const unknownFor = signal<Failure | undefined>(undefined);

/** Nothing but signing in is of use to who is nobody. */
export const isSignedIn = computed(() => Boolean(session.value));

/** Whose session has run out: what they were about is kept until somebody signs in. */
export const interrupted = signal<SessionView | undefined>(undefined);

/** Whom the pages are made for, also while they have to sign in again. */
export const shownSession = computed(() => session.value ?? interrupted.value);

export const isAdministrator = computed(() => shownSession.value?.roles.includes('admin') ?? false);
/** Whether the user may change what is the project's. */
export const isMember = computed(() => shownSession.value?.roles.some((role) => role !== 'reader') ?? false);

/** Whose eyes see what is asked for: changes when somebody else is signed in, or in another project, or with other roles. */
export const viewer = computed(() => eyesOf(session.value));
/** Whose eyes the pages are made for. */
export const shownTo = computed(() => eyesOf(shownSession.value));

onSignedOut(() => {
  const who = session.peek();
  if (who) interrupted.value = hasRunOut(who) ? who : undefined;
  session.value = null;
});

/** Takes up the session that the browser still has. Rejects when the server does not say. */
export async function resumeSession(): Promise<void> {
  const isSame = watchSession();
  try {
    const found = await exchange<SessionView>('GET', '/session');
    if (isSame()) session.value = found;
  } catch (error) {
    // That nobody is signed in is known by now.
    if (!(error instanceof FailureError && error.failure.code === 'unauthenticated')) throw error;
  }
}

/** As `resumeSession`, until the server says. */
export async function resumeSessionPatiently(pauseMs = leastPauseMs): Promise<void> {
  try {
    await resumeSession();
    unknownFor.value = undefined;
  } catch (error) {
    unknownFor.value = toFailure(error);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    await resumeSessionPatiently(Math.min(pauseMs * 2, mostPauseMs));
  }
}

/** Rejects with `unauthenticated` when who it is cannot be proved so. */
export async function signIn(proof: SignIn): Promise<void> {
  session.value = await turned(exchange<SessionView>('POST', '/session', proof));
  interrupted.value = undefined;
}

/** Resolves when the one that `viewer` names is signed in again. Rejects when another is, or with the signal's reason. */
export async function untilSignedIn(who: string | undefined, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = () => reject(signal.reason);
  signal.addEventListener('abort', giveUp);
  const stop = effect(() => {
    if (viewer.value === who) resolve();
    else if (viewer.value !== undefined) reject(fail('unauthenticated', 'somebody else has signed in'));
  });
  await promise.finally(() => {
    stop();
    signal.removeEventListener('abort', giveUp);
  });
}

export async function signOut(): Promise<void> {
  await turned(exchange('DELETE', '/session'));
  interrupted.value = undefined;
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

/**
 * What begins or ends a session. Until it is answered nobody knows which of both it is that others are answered of; and that
 * a proof is refused ends none.
 */
async function turned<R>(answer: Promise<R>): Promise<R> {
  turnSession();
  try {
    return await answer;
  } finally {
    turnSession();
  }
}

/** By the clock of this browser, which need not be the server's. */
function hasRunOut({ expiresAt }: SessionView): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now() + mostAheadMs;
}

/** The same for all who see the same. */
function eyesOf(who: SessionView | null | undefined): string | undefined {
  return who ? JSON.stringify([who.user.id, who.project.id, who.roles]) : undefined;
}
