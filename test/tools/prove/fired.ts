import type { FiredFaults } from '../../../tools/prove/faults.ts';

/** Faults that fired, a line each, such as `Notify: crash-after Invoke`. */
export function firedText(faults: readonly FiredFaults[] | undefined): string {
  return (faults ?? []).map(({ function: name, kind, call }) => `${name}: ${kind} ${call}`).join('\n');
}
