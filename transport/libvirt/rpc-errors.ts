/**
 * The ways in which a call to libvirt can fail, and the predicates by which to tell them apart. Turned into Failures by
 * the libvirt actor, in one place.
 */
import type { RemoteError } from './procedures.ts';

/** The daemon did the call and answered with an error. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError';
  /** virErrorNumber. */
  readonly code: number;
  /** virErrorDomain: the part of libvirt that says so. */
  readonly domain: number;
  readonly procedure: string;

  constructor(procedure: string, error: RemoteError) {
    super(error.message ?? `libvirt error ${error.code}`);
    this.code = error.code;
    this.domain = error.domain;
    this.procedure = procedure;
  }
}

/** The link to the daemon dropped, or was not there. */
export class LinkLost extends Error {
  override readonly name = 'LinkLost';
  /** The call had been sent: it may have been done, or may still be. */
  readonly isResultUnknown: boolean;

  constructor(reason: string, isResultUnknown: boolean) {
    super(isResultUnknown ? `${reason}; the result of the call is unknown` : reason);
    this.isResultUnknown = isResultUnknown;
  }
}

/** No answer came before the call's deadline. The link is as it was. */
export class CallTimeout extends Error {
  override readonly name = 'CallTimeout';
  readonly procedure: string;
  /** The call had been sent: it may have been done, or may still be. */
  readonly isResultUnknown: boolean;

  constructor(procedure: string, deadlineMs: number, isResultUnknown: boolean) {
    const ending = isResultUnknown ? '; the result of the call is unknown' : '; the call was not sent';
    super(`${procedure} had no answer in ${deadlineMs} ms${ending}`);
    this.procedure = procedure;
    this.isResultUnknown = isResultUnknown;
  }
}

export function isLibvirtError(thrown: unknown, ...codes: number[]): thrown is LibvirtError {
  return thrown instanceof LibvirtError && (codes.length === 0 || codes.includes(thrown.code));
}

export function isLinkLost(thrown: unknown): thrown is LinkLost {
  return thrown instanceof LinkLost;
}
