import { startMicroburst } from '../emulator/microburst.ts';
import { profiles as wireProfiles, type ProfileName as WireProfileName } from '../emulator/profiles.ts';
import { type BackgroundName, backgrounds } from './background.ts';
import { prove, type ProofResult, type ProveOptions } from './prove.ts';

/** Faults that strike all the time, as `--faults` names them; `none` disturbs nothing. */
export type FaultsName = WireProfileName | BackgroundName;

/** Names of faults at the functions' AWS calls. */
export const atCalls: readonly string[] = Object.keys(backgrounds);
/** Names of faults on the wire. */
export const onWire: readonly string[] = Object.keys(wireProfiles).filter((name) => name !== 'none');

export function isFaults(name: string): name is FaultsName {
  return Object.hasOwn(backgrounds, name) || Object.hasOwn(wireProfiles, name);
}

/** Whether the faults are made on the wire, by a proxy of this machine, which stands before emulators only. */
export function isWire(faults: FaultsName): faults is WireProfileName {
  return faults !== 'none' && Object.hasOwn(wireProfiles, faults);
}

/** Proves while the faults strike. What the wire did is in the result. @throws {RunError} as `prove` does. */
export async function proveDisturbed(
  options: Omit<ProveOptions, 'disturbance'>,
  faults: FaultsName,
): Promise<ProofResult> {
  if (faults === 'none') return prove(options);
  if (!isWire(faults)) return prove({ ...options, disturbance: { profile: faults, background: backgrounds[faults] } });
  const { aws, seed, say } = options;
  const proxy = await startMicroburst({
    upstream: aws.endpoint!,
    profile: faults,
    seed,
    ...(say === undefined ? {} : { say }),
  });
  try {
    const result = await prove({ ...options, disturbance: { profile: faults, wire: proxy } });
    return { ...result, wire: await proxy.counts() };
  } finally {
    await proxy.stop();
  }
}
