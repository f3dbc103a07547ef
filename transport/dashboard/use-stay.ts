/** Has the browser ask before it leaves what would be lost. */
import { useEffect } from 'preact/hooks';

export function useStay(isToStay: boolean): void {
  useEffect(() => {
    if (!isToStay) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isToStay]);
}
