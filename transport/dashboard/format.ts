/** How numbers and times are written. */

const languages = ['en'];
const whole = new Intl.NumberFormat(languages);
const short = new Intl.NumberFormat(languages, { maximumSignificantDigits: 3 });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
/** With its zone: what hosts have logged is told in another one. */
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

export function formatCount(count: number): string {
  return whole.format(count);
}

export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
}

export function formatMemory(mebibytes: number): string {
  return scaled(mebibytes, ['MiB', 'GiB', 'TiB', 'PiB']);
}

export function formatDisk(gibibytes: number): string {
  return scaled(gibibytes, ['GiB', 'TiB', 'PiB']);
}

export function formatDuration(ms: number): string {
  if (ms < 1) return `${short.format(ms)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${short.format(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1_000) % 60} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor(ms / 60_000) % 60} min`;
}

/** In one unit from a minute on, where there is little room. */
export function formatBriefly(ms: number): string {
  return ms < 60_000 ? formatDuration(ms) : inOneUnit(ms / 1_000);
}

/** How long ago, in one unit. */
export function formatAge(since: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1_000));
  return seconds < 60 ? `${seconds} s` : inOneUnit(seconds);
}

export function formatTime(timestamp: string | number): string {
  return time.format(new Date(timestamp));
}

export function formatMinute(timestamp: string | number): string {
  return minute.format(new Date(timestamp));
}

export function formatMoment(timestamp: string | number): string {
  return moment.format(new Date(timestamp));
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Of a minute and more. */
function inOneUnit(seconds: number): string {
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

function scaled(amount: number, units: readonly string[]): string {
  let value = amount;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  // What there are a thousand of is no rounder number than what there are a hundred of.
  return `${value < 1000 ? short.format(value) : whole.format(Math.round(value))} ${units[unit]}`;
}
