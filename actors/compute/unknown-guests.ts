/** What the record of a host says of its guests of which there is no record. */
import { type Host, maxTokenGuests, maxUnknownGuests } from '../../transport/messages/records.ts';
import { isNamed } from '../runtime/name-uuid.ts';

type Told = Pick<Host, 'unknownGuests' | 'tokenGuests'>;

/** `areShown`: whether an operator wants to hear of them. A client token is kept by its guest in any case. */
export function tellUnknown(guests: Iterable<string>, areShown: boolean): Told {
  const uuids = [...guests];
  const shown = areShown ? uuids.slice(0, maxUnknownGuests) : [];
  const ofTokens = uuids.filter(isNamed).slice(0, maxTokenGuests);
  return {
    ...(shown.length > 0 && { unknownGuests: shown }),
    ...(ofTokens.length > 0 && { tokenGuests: ofTokens }),
  };
}

/** A process that begins tells of those that the one before has told of, until it has looked itself. */
export function toldUnknown({ unknownGuests = [], tokenGuests = [] }: Told): Set<string> {
  return new Set([...unknownGuests, ...tokenGuests]);
}
