/** One call, from being asked for until its outcome: an answer, an error, its deadline, or the caller's losing interest. */
import { encodePacket, packetStatus, packetTypes, programVersion, remoteProgram } from './packet.ts';
import type { Procedure } from './procedures.ts';
import { CallTimeout } from './rpc-errors.ts';
import { decode, encode } from './xdr.ts';

export interface PendingCallOptions {
  deadlineMs: number;
  signal?: AbortSignal | undefined;
  /** Called while the answer is read, before the outcome settles, and before whatever follows the answer is read. */
  onAnswer?: ((serial: number) => void) | undefined;
  /** The deadline passed or the signal aborted; the outcome is settled already. */
  onGivenUp: () => void;
}

export class PendingCall<A, R> {
  readonly outcome: Promise<R>;
  readonly #procedure: Procedure<A, R>;
  readonly #payload: Buffer;
  readonly #settle: PromiseWithResolvers<R>;
  readonly #release: () => void;
  readonly #onAnswer: PendingCallOptions['onAnswer'];
  #serial: number | undefined;

  /** Throws XdrError when the arguments cannot be sent. */
  constructor(procedure: Procedure<A, R>, args: A, { deadlineMs, signal, onAnswer, onGivenUp }: PendingCallOptions) {
    this.#procedure = procedure;
    this.#onAnswer = onAnswer;
    this.#payload = encode(procedure.args, args);
    this.#settle = Promise.withResolvers();
    this.outcome = this.#settle.promise;
    const giveUp = (error: unknown) => {
      this.fail(error);
      onGivenUp();
    };
    const timer = setTimeout(() => giveUp(new CallTimeout(procedure.name, deadlineMs, this.#wasSent)), deadlineMs);
    const abort = () => giveUp(signal?.reason);
    signal?.addEventListener('abort', abort);
    this.#release = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  }

  get name(): string {
    return this.#procedure.name;
  }

  get #wasSent(): boolean {
    return this.#serial !== undefined;
  }

  /** From now on its result may be unknown. */
  toPacket(serial: number): Buffer {
    const packet = callPacket(this.#procedure.number, serial, this.#payload);
    this.#serial = serial;
    return packet;
  }

  /** Throws XdrError, and settles nothing, when the bytes are not what the procedure answers. */
  answer(payload: Buffer): void {
    const result = decode(this.#procedure.result, payload);
    this.#release();
    if (this.#serial !== undefined) this.#onAnswer?.(this.#serial);
    this.#settle.resolve(result);
  }

  /** Nothing happens when it was given up before. */
  fail(error: unknown): void {
    this.#release();
    this.#settle.reject(error);
  }
}

export function callPacket(procedure: number, serial: number, payload?: Buffer): Buffer {
  const header = {
    program: remoteProgram,
    version: programVersion,
    procedure,
    type: packetTypes.call,
    serial,
    status: packetStatus.ok,
  };
  return encodePacket(header, payload);
}
