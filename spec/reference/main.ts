/**
 * `npm run reference`: writes the reference of the API from its schemas and the examples of its messages, and draws the
 * charts of the machines.
 */
import { writeFileSync } from 'node:fs';
import { referenceFiles } from './reference-files.ts';

for (const { url, text } of await referenceFiles()) writeFileSync(url, text);
