import type { TestProject } from 'vitest/node';
import type { AwsConfig } from '../lib/kit/proof.ts';
import { bootstrap } from '../tools/deploy/deploy.ts';
import { startEmulator } from '../tools/emulator/emulator.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The emulator that all emulator tests of a run share: give what you make in it names of your own. */
    aws: AwsConfig;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const say = (text: string) => console.error(text);
  const emulator = await startEmulator({ say });
  await bootstrap(emulator.aws, say);
  project.provide('aws', emulator.aws);
  return emulator.stop;
}
