/** A promise that was broken. */
export interface Violation {
  /** Which promise. */
  invariant: string;
  message: string;
  /** Of the instance that it was broken for, if it is one. */
  uuid?: string;
}
