/**
 * Devices that come and go while an instance exists, such as volumes: changed in the running guest and in the definition
 * its next start is from. Keyed by the device's alias, which must begin with `ua-` for libvirt to leave it alone, and
 * stand in the device's XML. Rejects with a FailureError.
 */
import { fail } from '../../machines/failure.ts';
import { errorCodes } from '../../transport/libvirt/constants.ts';
import type { DomainRef } from '../../transport/libvirt/procedures.ts';
import { isLibvirtError } from '../../transport/libvirt/rpc-errors.ts';
import { isDeviceMissing, isOperationInvalid } from './error-codes.ts';
import type { LibvirtClient } from './libvirt-client.ts';
import { isActive } from './power-state.ts';
import { settle } from './settle.ts';
import { Bell } from './waiting.ts';

/** Nova's interval of detaching again: a guest that is booting misses the request. */
const detachRetryMs = 5_000;

const inGuest = { live: true, config: false };
const inDefinition = { live: false, config: true };

export interface GuestDevice {
  alias: string;
  /** With `<alias name='…'/>` in it. */
  xml: string;
}

/** Rejects with `domain_lost` when the instance has no domain. */
export function attachDevice(
  client: LibvirtClient,
  uuid: string,
  device: GuestDevice,
  signal: AbortSignal,
): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const look = await client.look(uuid, signal);
    if (look === undefined) {
      // A launch may do better elsewhere.
      throw fail('domain_lost', `instance ${uuid} has no domain on this host`, { disposition: 'reschedule' });
    }
    const scopes = isActive(look) ? [inDefinition, inGuest] : [inDefinition];
    for (const scope of scopes) {
      if (await hasDevice(client, look.ref, device, scope.config)) continue;
      await client.attachDevice(look.ref, device.xml, scope, signal);
    }
  });
}

/** Resolves when the guest has let go of it: what is behind the device may be taken away then. */
export function detachDevice(
  client: LibvirtClient,
  uuid: string,
  device: GuestDevice,
  signal: AbortSignal,
): Promise<void> {
  return settle(client, uuid, signal, async () => {
    const look = await client.look(uuid, signal);
    if (look === undefined) return;
    if (await hasDevice(client, look.ref, device, true)) {
      await client.detachDevice(look.ref, device.xml, inDefinition, signal);
    }
    if (isActive(look)) await detachFromGuest(client, look.ref, device, signal);
  });
}

/** Asks the guest again and again: it is free to take its time, and to ignore the request. */
async function detachFromGuest(
  client: LibvirtClient,
  domain: DomainRef,
  device: GuestDevice,
  signal: AbortSignal,
): Promise<void> {
  const removed = new Bell();
  const unsubscribe = client.onEvent((event) => {
    if (event.type === 'deviceRemoved' && event.uuid === domain.uuid && event.alias === device.alias) {
      removed.ring();
    }
  });
  try {
    while (await hasDevice(client, domain, device, false)) {
      try {
        await client.detachDevice(domain, device.xml, inGuest, signal);
      } catch (error) {
        if (isDeviceMissing(error) || isOperationInvalid(error)) return;
        // It has been asked already and has not answered.
        if (!isLibvirtError(error, errorCodes.operationFailed)) throw error;
      }
      if (await removed.wait(detachRetryMs, signal)) return;
    }
  } finally {
    unsubscribe();
  }
}

async function hasDevice(
  client: LibvirtClient,
  domain: DomainRef,
  device: GuestDevice,
  isInDefinition: boolean,
): Promise<boolean> {
  const xml = await client.domainXml(domain, isInDefinition);
  return xml.includes(`<alias name='${device.alias}'/>`);
}
