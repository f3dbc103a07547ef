/** The id by which a stream knows a message that it has taken already: the same twice within two minutes is one. */
import type { MsgHdrs } from 'nats';
import { headers } from 'nats';

export const idHeader = 'Nats-Msg-Id';

export function withId(id: string): MsgHdrs {
  const carried = headers();
  carried.set(idHeader, id);
  return carried;
}
