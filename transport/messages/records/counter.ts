/** A counter that hands out blocks: the key names what is counted. */
import Type from 'typebox';
import { Exact } from '../common.ts';

export const Counter = Exact({ next: Type.Integer({ minimum: 0 }) });
