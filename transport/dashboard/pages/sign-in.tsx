/** Signing in: by user and password, or with a token. The address stays, so that one comes to where one wanted to go. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Failure, toFailure } from '../../../machines/failure.ts';
import { TextField } from '../components/field.tsx';
import { FailureNotice, Notice } from '../components/notice.tsx';
import { tell } from '../components/toasts.tsx';
import { interrupted, signIn } from '../session.ts';
import { Mark } from '../shell.tsx';

export function SignInPage() {
  const withToken = useSignal(false);
  const user = useSignal('');
  const password = useSignal('');
  const token = useSignal('');
  const isBusy = useSignal(false);
  const failure = useSignal<Failure | undefined>(undefined);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    document.title = 'Sign in · Kilonova';
    form.current?.querySelector('input')?.focus();
  }, []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (isBusy.value) return;
    isBusy.value = true;
    failure.value = undefined;
    try {
      if (withToken.value) await signIn({ token: token.value.trim() });
      else await signInWhereLeft({ user: user.value.trim(), password: password.value });
    } catch (error) {
      failure.value = toFailure(error);
      password.value = '';
      token.value = '';
    } finally {
      isBusy.value = false;
    }
  }

  function choose(isToken: boolean): void {
    withToken.value = isToken;
    failure.value = undefined;
  }

  return (
    <main class="sign-in">
      <form ref={form} onSubmit={submit}>
        <h1>
          <Mark />
          Kilonova
        </h1>
        {interrupted.value && (
          <Notice kind="information">
            Your session has run out. Sign in again to find everything as you left it; an upload waits, and goes on
            then.
          </Notice>
        )}
        {withToken.value ? (
          <TextField label="Token" type="password" name="token" required autocomplete="off" text={token} />
        ) : (
          <>
            <TextField
              label="User"
              name="username"
              required
              autocomplete="username"
              autocapitalize="none"
              text={user}
            />
            <TextField
              label="Password"
              type="password"
              name="password"
              required
              autocomplete="current-password"
              text={password}
            />
          </>
        )}
        <FailureNotice failure={failure.value} />
        <button type="submit" class="primary" aria-disabled={isBusy.value}>
          Sign in
        </button>
        <button type="button" class="bare" onClick={() => choose(!withToken.value)}>
          {withToken.value ? 'Sign in with a password' : 'Sign in with a token'}
        </button>
      </form>
    </main>
  );
}

/** Whoever comes back goes on in the project that they were in, as long as they may. */
async function signInWhereLeft(proof: { user: string; password: string }): Promise<void> {
  const before = interrupted.peek();
  if (!before || ![before.user.id, before.user.name].includes(proof.user)) return signIn(proof);
  const { id: projectId, name } = before.project;
  try {
    await signIn({ ...proof, projectId });
  } catch (error) {
    if (toFailure(error).details?.field !== '/projectId') throw error;
    await signIn(proof);
    tell(`You may not work in ${name} any more`, { isError: true });
  }
}
