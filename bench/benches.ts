import type { Bench } from './contest.ts';
import { logDiff } from './log-diff/contests.ts';
import { outOfCore } from './out-of-core/contests.ts';
import { xml } from './xml/contests.ts';

export const benches: readonly Bench[] = [logDiff, outOfCore, xml];
