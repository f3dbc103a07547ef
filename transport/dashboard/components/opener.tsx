/** A button, and the dialog that it opens: it is there until it is closed. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';

interface OpenerProps extends Omit<JSX.IntrinsicElements['button'], 'type' | 'onClick'> {
  opens(close: () => void): ComponentChildren;
}

export function Opener({ opens, ...button }: OpenerProps) {
  const isOpen = useSignal(false);
  const set = (value: boolean) => () => {
    isOpen.value = value;
  };
  return (
    <>
      <button type="button" {...button} onClick={set(true)} />
      {isOpen.value && opens(set(false))}
    </>
  );
}
