/** What a simulated guest writes to its serial console: the words of the test guest, which are the same on libvirt. */

/** What is kept of a guest so that its log can be told when it is asked for. */
export interface GuestFacts {
  /** From which its disk was made. */
  readonly imageId: string;
  readonly hostname: string;
  /** As `10.0.0.5/24`, one list for each port. */
  readonly addresses: readonly (readonly string[])[];
  readonly publicKeys: readonly string[];
}

export function bootLog({ hostname, addresses, publicKeys }: GuestFacts, boots: number): string {
  const lines = [
    '[    0.000000] Linux version 6.1.0-simulated',
    '[    0.000000] Command line: console=ttyS0',
    `kilonova-guest: hostname ${hostname}`,
    ...addresses.flatMap((ofPort, index) =>
      ofPort.map((address) => `kilonova-guest: address ${address} on eth${index}`),
    ),
    ...publicKeys.map((publicKey) => `kilonova-guest: key ${publicKey}`),
    'kilonova-guest: ready',
  ];
  return Array.from({ length: boots }, () => `${lines.join('\n')}\n`).join('');
}

/** The last `maxBytes` of a text, without half a character at its start. */
export function tailOf(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  let start = Math.max(0, bytes.length - maxBytes);
  while (start < bytes.length && isContinuation(bytes[start])) start += 1;
  return bytes.subarray(start).toString('utf8');
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
