/** Where things lie that can be made again. */
import { join } from 'node:path';

/**
 * For root it is not below the home folder, which the user that libvirt runs guests as cannot enter.
 * `KILONOVA_CACHE_DIR` overrides.
 */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  const { KILONOVA_CACHE_DIR: own, XDG_CACHE_HOME: xdg, HOME: home = '/tmp' } = environment;
  if (own) return own;
  if (process.getuid?.() === 0) return '/var/cache/kilonova';
  return join(xdg ?? join(home, '.cache'), 'kilonova');
}
