import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { forbidden, options } from '../../.dependency-cruiser.ts';

export const rooms = ['bin', 'engines', 'lambdas', 'clients', 'lib', 'tools', 'book', 'bench', 'test'];

/** Runs the rules over the rooms that exist under `directory`. */
export async function cruiseRooms(directory: string): Promise<ICruiseResult> {
  const { output } = await cruise(
    rooms.filter((room) => existsSync(join(directory, room))),
    { ...options, baseDir: directory, validate: true, ruleSet: { forbidden: [...forbidden] } },
  );
  if (typeof output === 'string') throw new Error('dependency-cruiser answered in text: leave outputType out');
  return output;
}
