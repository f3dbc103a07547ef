/** How long each part takes to start, from its process's start until it says that it is ready; from the sources. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { roles } from '../../actors/cloud/cloud.ts';
import { startChild } from './child.ts';
import { startPart } from './cloud.ts';
import { startedParts } from './figures.ts';
import { median, type Report } from './report.ts';
import { withNats } from './with-nats.ts';

const bareScript = fileURLToPath(new URL('bare-start.ts', import.meta.url));

export async function measureStartup(report: Report, { starts }: { starts: number }): Promise<void> {
  const times = new Map<string, number[]>(startedParts.map((name) => [name, []]));
  for (let start = 0; start < starts; start++) {
    const folder = await mkdtemp(join(tmpdir(), 'kilonova-bench-'));
    try {
      const up = await startPart('up', undefined, folder);
      await up.stop();
      times.get('up')?.push(up.startedMs);
      const startedAt = performance.now();
      await withNats(async ({ url }) => {
        times.get('natsServer')?.push(performance.now() - startedAt);
        const node = await startChild('node', bareScript, [url], /is ready/);
        await node.stop();
        times.get('node')?.push(node.startedMs);
        // The controller makes the first records of a new cloud.
        for (const role of ['controller' as const, ...roles.filter((name) => name !== 'controller')]) {
          const part = await startPart(role, url, folder);
          await part.stop();
          times.get(role)?.push(part.startedMs);
        }
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  for (const name of startedParts) report.add(`startup.${name}.ms`, median(times.get(name) ?? []), starts);
}
