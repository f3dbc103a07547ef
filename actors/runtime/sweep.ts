/** What a part looks through again and again, so that what nobody came back for, or was told of, is found. */
import type { Runtime } from './runtime.ts';

/**
 * Looks at once, and each time `everyMs` after it has looked; what goes wrong is left to the next time. Returns the function
 * that ends it, and resolves when nobody looks any more.
 */
export function sweep(
  { clock, logger }: Pick<Runtime, 'clock' | 'logger'>,
  what: string,
  everyMs: number,
  look: () => Promise<void>,
): () => Promise<void> {
  let isStopped = false;
  let cancel = () => {};
  let looking = run();

  async function run(): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!isStopped) logger.warn({ error }, `${what} could not be swept; the next sweep tries again`);
    }
    if (isStopped) return;
    cancel = clock.after(everyMs, () => {
      looking = run();
    });
  }

  return () => {
    isStopped = true;
    cancel();
    return looking;
  };
}
