/** What is said of the consoles of guests: the kinds of them, and how one comes to an end. */
import type { Static } from 'typebox';
import { OneOf } from './common.ts';

export const ConsoleKind = OneOf(['serial', 'vnc']);
export type ConsoleKind = Static<typeof ConsoleKind>;
