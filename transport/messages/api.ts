/**
 * What a client may ask of `cloud.api.v1.<resource>.<verb>`, and what it is answered. The public interface: each
 * endpoint's description is part of the reference.
 *
 * A request carries `Authorization: Bearer <token>` as a NATS header; a `traceparent` and `X-Request-Id` are kept.
 */
import { deadLetterEndpoints } from './api/dead-letter.ts';
import type { Endpoint } from './api/endpoint.ts';
import { factEndpoints } from './api/fact.ts';
import { flavorEndpoints } from './api/flavor.ts';
import { aggregateEndpoints, hostEndpoints, zoneEndpoints } from './api/host.ts';
import { projectEndpoints, roleEndpoints, sessionEndpoints, tokenEndpoints, userEndpoints } from './api/identity.ts';
import { imageEndpoints } from './api/image.ts';
import { instanceEndpoints } from './api/instance.ts';
import { keyPairEndpoints } from './api/key-pair.ts';
import { addressEndpoints, networkEndpoints, subnetEndpoints } from './api/network.ts';
import { quotaEndpoints } from './api/quota.ts';
import { schemaEndpoints } from './api/schema.ts';
import { securityGroupEndpoints } from './api/security-group.ts';
import { serverGroupEndpoints } from './api/server-group.ts';

/** Of what clients are promised. */
export const apiVersion = '1.0.0';

export const api = {
  instance: instanceEndpoints,
  keyPair: keyPairEndpoints,
  flavor: flavorEndpoints,
  image: imageEndpoints,
  host: hostEndpoints,
  zone: zoneEndpoints,
  aggregate: aggregateEndpoints,
  serverGroup: serverGroupEndpoints,
  quota: quotaEndpoints,
  network: networkEndpoints,
  subnet: subnetEndpoints,
  address: addressEndpoints,
  securityGroup: securityGroupEndpoints,
  project: projectEndpoints,
  user: userEndpoints,
  role: roleEndpoints,
  session: sessionEndpoints,
  token: tokenEndpoints,
  fact: factEndpoints,
  deadLetter: deadLetterEndpoints,
  schema: schemaEndpoints,
} as const;

/** All of them. */
export const endpoints = Object.values(api).flatMap((resource) => Object.values(resource)) as Endpoint<
  unknown,
  unknown
>[];
