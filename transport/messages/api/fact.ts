/**
 * Requests about what happened. What happens is published as it does: on `cloud.fact.instance.<project>.<uuid>`, and on
 * `cloud.fact.host.<host>`, whose facts `host.facts` lists.
 */
import Type, { type Static } from 'typebox';
import { Described, Exact, maxInteger, Timestamp } from '../common.ts';
import { HostFact, InstanceFact } from '../internal.ts';
import { read } from './endpoint.ts';
import { InstanceUuid, paging } from './fields.ts';

const sequence = Type.Integer({ minimum: 1, description: 'of the stream: later facts have greater ones' });

export const FactView = Exact({ sequence, fact: InstanceFact }, { title: 'Fact' });
export type FactView = Static<typeof FactView>;

export const HostFactView = Exact({ sequence, fact: HostFact }, { title: 'FactOfHost' });

/** Which of the facts of a subject are listed. */
export const factPaging = {
  since: Type.Optional(Described(Timestamp, 'what happened then or later')),
  ...paging,
  marker: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: maxInteger,
      description: 'the sequence of the last fact of the page before',
    }),
  ),
};

export const factEndpoints = {
  list: read({
    name: 'fact.list',
    description:
      'What happened to the instances of the project, oldest first, as far back as facts are kept. To follow from a time ' +
      'on and miss nothing: subscribe, then list until a page is empty, and leave out what comes both ways.',
    request: Exact({
      uuid: Type.Optional(Described(InstanceUuid, 'of this instance only')),
      ...factPaging,
    }),
    reply: Exact({ facts: Type.Array(FactView) }),
  }),
};
