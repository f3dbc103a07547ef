/** A page that is loaded when it is first shown: what it needs does not weigh on the others. */

import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { Loading } from './components/loading.tsx';
import { Notice } from './components/notice.tsx';

export function lazily<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazily(props: Props) {
    const isLoaded = useSignal(loaded !== undefined);
    const hasFailed = useSignal(false);
    useEffect(() => {
      if (isLoaded.value) return;
      load().then(
        (component) => {
          loaded = component;
          isLoaded.value = true;
        },
        () => {
          hasFailed.value = true;
        },
      );
    }, [isLoaded, hasFailed]);
    if (hasFailed.value)
      return <Notice kind="error">This page could not be loaded. Load the browser’s page anew.</Notice>;
    const Page = isLoaded.value ? loaded : undefined;
    return Page ? <Page {...props} /> : <Loading />;
  };
}
