/**
 * What a guest shows while it runs: its serial console, through libvirt, and its screen, which QEMU serves as VNC on a
 * socket in libvirt's own folder. Both take the console from whoever had it. Reject with a FailureError or what the client
 * rejects with.
 */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fail } from '../../machines/failure.ts';
import type { DomainRef } from '../../transport/libvirt/procedures.ts';
import type { LibvirtClient } from './libvirt-client.ts';
import { isActive } from './power-state.ts';

export async function openSerialConsole(client: LibvirtClient, uuid: string): Promise<Duplex> {
  return client.openConsole(await runningDomain(client, uuid));
}

/** `rootFolder` is libvirt's. */
export async function openDisplay(client: LibvirtClient, uuid: string, rootFolder: string): Promise<Duplex> {
  const path = displaySocketOf(await client.domainXml(await runningDomain(client, uuid)));
  if (path === undefined) {
    throw fail('unsupported', `instance ${uuid} was started without a screen: rebuild or resize it to give it one`);
  }
  const socket = createConnection(join(rootFolder, path));
  await once(socket, 'connect');
  return socket;
}

async function runningDomain(client: LibvirtClient, uuid: string): Promise<DomainRef> {
  const look = await client.look(uuid);
  if (look === undefined || !isActive(look)) throw fail('conflict', `instance ${uuid} has no running guest`);
  return look.ref;
}

/** Read with a pattern, as libvirt writes it of a guest that runs; it escapes nothing that it puts into such a path. */
function displaySocketOf(xml: string): string | undefined {
  return /<graphics type='vnc' socket='([^']+)'/.exec(xml)?.[1];
}
