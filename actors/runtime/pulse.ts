/** How a host proves that it lives, and when others stop believing it. All parts of a cloud must agree. */
export interface Pulse {
  /** How often a host renews its record (ms). */
  readonly beatEveryMs: number;
  /** How long a host may be silent before it is held for dead (ms). */
  readonly deadAfterMs: number;
}

/** Three beats: one that is late or lost says nothing yet. */
export const standardPulse: Pulse = { beatEveryMs: 5_000, deadAfterMs: 15_000 };
