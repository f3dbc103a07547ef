/** Valid hostnames from what people call their instances. Nova's sanitize_hostname, and unique within the project. */

const maxLength = 63;

/** A DNS label made of the name; `instance` where nothing of it can be kept. */
export function hostnameOf(name: string): string {
  const label = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[ _.]+/g, '-')
    .replaceAll(/[^a-z0-9-]/g, '')
    .slice(0, maxLength)
    .replaceAll(/^-+|-+$/g, '');
  return label || 'instance';
}

/** The label, or the label with the lowest number that makes it free. */
export function uniqueHostname(label: string, isTaken: (hostname: string) => boolean): string {
  for (let number = 1; ; number++) {
    const hostname = number === 1 ? label : numberedHostname(label, number);
    if (!isTaken(hostname)) return hostname;
  }
}

/** The label with the number, within the length that a label may have. */
export function numberedHostname(label: string, number: number): string {
  const suffix = `-${number}`;
  return label.slice(0, maxLength - suffix.length).replace(/-+$/, '') + suffix;
}
