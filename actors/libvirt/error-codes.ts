/** The one place where what libvirt says, or its silence, becomes a Failure. */
import { type Disposition, type FailureCode, FailureError, fail } from '../../machines/failure.ts';
import { errorCodes } from '../../transport/libvirt/constants.ts';
import { CallTimeout, isLibvirtError, LibvirtError, LinkLost } from '../../transport/libvirt/rpc-errors.ts';

/**
 * What libvirt's codes mean for a launch. A fault of this host sends the instance elsewhere; a fault of what was
 * asked would meet it there again.
 */
const meanings = new Map<number, [FailureCode, Disposition]>([
  [errorCodes.noDomain, ['domain_lost', 'abort']],
  [errorCodes.operationInvalid, ['conflict', 'retry']],
  [errorCodes.resourceBusy, ['conflict', 'retry']],
  [errorCodes.domainExists, ['already_exists', 'abort']],

  [errorCodes.operationTimeout, ['timeout', 'retry']],
  [errorCodes.agentUnresponsive, ['timeout', 'retry']],
  [errorCodes.operationAborted, ['cancelled', 'retry']],

  [errorCodes.noSupport, ['unsupported', 'reschedule']],
  [errorCodes.configUnsupported, ['unsupported', 'reschedule']],
  [errorCodes.argumentUnsupported, ['unsupported', 'reschedule']],
  [errorCodes.operationUnsupported, ['unsupported', 'reschedule']],
  [errorCodes.cpuIncompatible, ['unsupported', 'reschedule']],

  [errorCodes.noConnect, ['hypervisor_unavailable', 'reschedule']],
  [errorCodes.authFailed, ['hypervisor_unavailable', 'reschedule']],
  [errorCodes.authCancelled, ['hypervisor_unavailable', 'reschedule']],
  [errorCodes.authUnavailable, ['hypervisor_unavailable', 'reschedule']],
  [errorCodes.accessDenied, ['hypervisor_unavailable', 'reschedule']],
  [errorCodes.operationDenied, ['hypervisor_unavailable', 'reschedule']],

  [errorCodes.xml, ['hypervisor_error', 'abort']],
  [errorCodes.xmlDetail, ['hypervisor_error', 'abort']],
  [errorCodes.xmlInvalidSchema, ['hypervisor_error', 'abort']],
  [errorCodes.invalidArgument, ['hypervisor_error', 'abort']],
  [errorCodes.rpc, ['hypervisor_error', 'abort']],
]);

/** Whatever a step threw. A FailureError passes through; with it aborts the signal's own failure, such as a timeout. */
export function toLibvirtFailure(thrown: unknown): FailureError {
  if (thrown instanceof FailureError) return thrown;
  if (thrown instanceof LibvirtError) return fromLibvirt(thrown);
  if (thrown instanceof LinkLost) {
    return fail('hypervisor_unavailable', thrown.message, {
      disposition: 'retry',
      details: { isResultUnknown: thrown.isResultUnknown },
    });
  }
  if (thrown instanceof CallTimeout) {
    return fail('timeout', thrown.message, {
      disposition: 'retry',
      details: { procedure: thrown.procedure, isResultUnknown: thrown.isResultUnknown },
    });
  }
  if (thrown instanceof DOMException && thrown.name === 'TimeoutError') {
    return fail('timeout', 'the step took longer than it may', { disposition: 'retry' });
  }
  if (thrown instanceof DOMException && thrown.name === 'AbortError') {
    return fail('cancelled', 'the step was cancelled');
  }
  return fail('hypervisor_error', thrown instanceof Error ? thrown.message : String(thrown), {
    disposition: 'reschedule',
  });
}

function fromLibvirt(error: LibvirtError): FailureError {
  const [code, disposition] = meanings.get(error.code) ?? ['hypervisor_error', 'reschedule'];
  return fail(code, error.message, {
    disposition,
    details: { libvirtCode: error.code, libvirtDomain: error.domain, procedure: error.procedure },
  });
}

export function isNoDomain(thrown: unknown): boolean {
  return isLibvirtError(thrown, errorCodes.noDomain);
}

export function isNoMetadata(thrown: unknown): boolean {
  return isLibvirtError(thrown, errorCodes.noDomainMetadata);
}

/** Not applicable to the state the domain is in, which often means: done already. */
export function isOperationInvalid(thrown: unknown): boolean {
  return isLibvirtError(thrown, errorCodes.operationInvalid);
}

/** Somebody else is at work on the domain, for longer than libvirt waits. */
export function isOperationTimeout(thrown: unknown): boolean {
  return isLibvirtError(thrown, errorCodes.operationTimeout);
}

export function isDeviceMissing(thrown: unknown): boolean {
  return isLibvirtError(thrown, errorCodes.deviceMissing);
}

/** The driver has no such function, or not for this guest. */
export function isNotSupported(thrown: unknown): boolean {
  return isLibvirtError(thrown, errorCodes.noSupport, errorCodes.argumentUnsupported, errorCodes.operationUnsupported);
}
