/** What each code of a failure means to a client. */
import type { FailureCode } from '../../machines/failure.ts';

export const failureMeanings: Record<FailureCode, string> = {
  invalid_request: 'The request is not as its schema says, or contradicts itself; `details.field` says where.',
  unauthenticated: 'There is no token, or it is not valid (any more), or its user or project is disabled.',
  forbidden: 'The token is valid, but its role does not allow this.',
  not_found: 'What a field refers to is not there, or is not the caller’s to see.',
  conflict: 'It cannot be done as things stand; with disposition `retry`, somebody else was quicker: ask again.',
  already_exists: 'There is one of that name, or id, already.',
  quota_exceeded: 'The project has used up what it may have; `details` names the resource, its limit and its use.',
  too_many_requests:
    'More was asked at once, or tried in vain, than one may; `details.retryAfterSeconds` says when to ask again.',
  unavailable: 'Nobody is there to do it; nothing was done.',
  timeout: 'There was no answer in time; whether it was done is not known.',
  cancelled: 'It was interrupted, because the instance is deleted or its host is being stopped.',
  no_valid_host: 'No host has room for the instance, or none is as it asks for.',
  claim_refused: 'The host had no room left when the instance came; another one is tried.',
  image_too_large: 'The image needs more disk or memory than the flavor has.',
  already_launched: 'The host has the instance already.',
  host_down: 'The host was not heard for too long; what had not been launched there is tried on another.',
  no_more_addresses: 'The subnets of the network have no address left.',
  address_in_use: 'The fixed IP or MAC address is another port’s.',
  network_unavailable: 'The network is gone, or the host cannot reach it.',
  hypervisor_unavailable: 'The hypervisor of the host does not answer.',
  hypervisor_error: 'The hypervisor refused; its message is in the failure.',
  image_unavailable: 'The bytes of the image cannot be had, or are not those that were announced.',
  disk_full: 'The host has no room on its disk.',
  domain_lost: 'The hypervisor does not know the instance any more.',
  disk_lost: 'The host does not find the disk of the instance, which it may share with others.',
  unsupported: 'This cloud cannot do that.',
  internal: 'A bug: please tell us, with the request id.',
};
