/** Ends the sessions of a user, whose password may have been somebody else's too. */
import type { Token } from '../../transport/messages/records.ts';
import { conflict, type Entry } from '../../transport/nats/bucket.ts';
import type { Written } from '../../transport/nats/relay.ts';
import type { Store } from '../runtime/store.ts';

/**
 * Removes the tokens of all sessions of the user but the one with the token `keptId`, which the caller shows. Until there
 * are none: one that is being ended may just have made another.
 */
export async function endSessions(store: Store, userId: string, keptId: string | undefined): Promise<Written[]> {
  const [bucket, view] = await Promise.all([store.bucket('token'), store.view('token')]);
  const isEnded = ({ key, value }: Entry<Token>) => value.isSession && value.userId === userId && key !== keptId;
  let last: Written[] = [];
  for (;;) {
    await view.caughtUp();
    const ended = [...view.entries()].filter(isEnded);
    if (ended.length === 0) return last;
    for (const { key, revision } of ended) {
      if ((await bucket.remove(key, revision)) !== conflict) last = [{ bucket: 'token', revision, removed: key }];
    }
  }
}
