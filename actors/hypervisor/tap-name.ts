/** The name of a port's tap on the host: known before the tap exists, so that its filter can be prepared. */
export function tapName(portId: string): string {
  return `tap${portId.slice(0, 11)}`;
}
