/** `npm test` tells each kind of story once, `npm run test:faults` every one that there is, and again. */
export const isLong = process.env.FAULTS === 'long';
/** Of one story, with patience: whatever goes wrong has a deadline of its own. */
export const storyMs = 240_000;
