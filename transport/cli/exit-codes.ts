/** What the exit code of a command says. Part of the interface: scripts match on it. */
import type { FailureCode } from '../../machines/failure.ts';

export const exitCodes = {
  done: 0,
  /** What was asked for did not happen: a conflict, no host for an instance, an instance that ended as failed. */
  failed: 1,
  /** What was asked makes no sense: a flag that is not known, a value that is refused. */
  usage: 2,
  notFound: 3,
  /** Without a token that is good for it. */
  denied: 4,
  /** The cloud was not reached, or did not answer in time: whether it happened is unknown. */
  unreachable: 5,
  /** More than the project may have, or than anybody may ask for at once. */
  quotaExceeded: 6,
  /** By Ctrl-C: 128 and the number of the signal, as shells count. */
  interrupted: 130,
} as const;

export const exitCodesHelp = `
Exit codes:
  0    it is done
  1    it failed: a conflict, no host, an instance that ended as failed
  2    wrong use: an unknown flag, a value that is refused
  3    not found
  4    not allowed: no token, or one that may not
  5    the cloud was not reached, or did not answer in time
  6    the quota is exceeded, or too much was asked at once
  130  interrupted with Ctrl-C`;

export function exitCodeOf(code: FailureCode): number {
  switch (code) {
    case 'invalid_request':
      return exitCodes.usage;
    case 'not_found':
      return exitCodes.notFound;
    case 'unauthenticated':
    case 'forbidden':
      return exitCodes.denied;
    case 'unavailable':
    case 'timeout':
      return exitCodes.unreachable;
    case 'quota_exceeded':
    case 'too_many_requests':
      return exitCodes.quotaExceeded;
    case 'cancelled':
      return exitCodes.interrupted;
    default:
      return exitCodes.failed;
  }
}
