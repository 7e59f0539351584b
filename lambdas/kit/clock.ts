/** Milliseconds since the epoch. Handed to whatever asks for the time, so that a test can tell it. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
