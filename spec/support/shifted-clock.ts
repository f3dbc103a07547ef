/**
 * Preloaded into a process (`NODE_OPTIONS=--import …`): its clock goes wrong by as many milliseconds as the file says that
 * `SHIFTED_CLOCK` names, from the moment that it says so. A step of the machine's own clock is the same to a process:
 * Date jumps, timers and performance.now go on.
 */
import { openSync, readSync } from 'node:fs';

const descriptor = openSync(process.env.SHIFTED_CLOCK ?? '', 'r');
const offset = Buffer.alloc(8);
const RealDate = Date;

function now(): number {
  readSync(descriptor, offset, 0, offset.length, 0);
  return RealDate.now() + offset.readDoubleLE();
}

globalThis.Date = new Proxy(RealDate, {
  construct: (_, args: [], newTarget) => Reflect.construct(RealDate, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (_, name) => (name === 'now' ? now : Reflect.get(RealDate, name)),
});
