import { setTimeout as sleep } from 'node:timers/promises';
import type { Patience } from '../../engines/retry/retry.ts';

/** Really waits. */
export const patience: Patience = { random: Math.random, wait: async (ms) => sleep(ms) };
