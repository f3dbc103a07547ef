/** Something to be told where it happened. */
import type { ComponentChildren } from 'preact';
import type { Failure } from '../../../machines/failure.ts';
import { Icon } from './icon.tsx';

export function Notice({ kind, children }: { kind: 'error' | 'warning' | 'information'; children: ComponentChildren }) {
  return (
    <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <Icon name={kind === 'information' ? 'information' : 'warning'} />
      <div>{children}</div>
    </div>
  );
}

/** Why something could not be done, in the API's own words. */
export function FailureNotice({ failure }: { failure: Failure | undefined }) {
  if (!failure) return null;
  return (
    <Notice kind="error">
      {sentence(failure.message)} <span class="code">{failure.code}</span>
    </Notice>
  );
}

/** A message of the API, as a sentence of its own. */
export function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
