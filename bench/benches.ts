import type { Bench } from './contest.ts';
import { logDiff } from './log-diff/contests.ts';

export const benches: readonly Bench[] = [logDiff];
