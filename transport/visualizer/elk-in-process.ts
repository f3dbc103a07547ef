/** ELK for who draws a chart now and then: it works in this thread, for a second or so. */
import elk from 'elkjs/lib/elk.bundled.js';
import type { ELK } from 'elkjs/lib/elk-api.js';

export function elkInProcess(): ELK {
  return new elk.default();
}
