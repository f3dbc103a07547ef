/** `kilonova dead-letter …` */
import { api } from '../../messages/api.ts';
import type { Noun } from '../client/noun.ts';

const { deadLetter } = api;

export const deadLetterNoun: Noun = {
  id: 'id',
  columns: ['id', 'cast', 'consumer', 'deliveries', 'failure.code', 'failure.message', 'queuedAt', 'failedAt'],
  verbs: [
    { word: 'list', endpoint: deadLetter.list, watches: 'alarms', example: '' },
    { word: 'show', endpoint: deadLetter.get, arguments: ['id...'], example: 'scheduler.1767225600000-17' },
    {
      word: 'replay',
      endpoint: deadLetter.replay,
      arguments: ['id...'],
      takesAllOf: deadLetter.list,
      example: '--all',
    },
    { word: 'delete', endpoint: deadLetter.delete, arguments: ['id...'], example: 'scheduler.1767225600000-17' },
  ],
};
