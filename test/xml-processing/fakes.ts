import { randomFrom, type Random } from '../../engines/simulation/random.ts';
import type { Progress } from '../../lambdas/xml-processing/domain.ts';
import type { documents, LoadFiles, progress, records } from '../../lambdas/xml-processing/store.ts';

/** Everything outside of the process, in memory. Survives what happens to the workers. */
export interface Cloud {
  /** Versions of each document, oldest first. */
  readonly documents: Map<string, Buffer[]>;
  /** The bucket of loads, by whole key. */
  readonly files: Map<string, string>;
  /** Records by part and byte. */
  readonly records: Map<string, { readonly document: string; readonly json: string }>;
  readonly progress: Map<string, Progress>;
  /** Moves of the progress that were refused. */
  readonly refusedMoves: { readonly part: string; readonly from: number | undefined; readonly at: number }[];
}

export function cloudOf(documents: Readonly<Record<string, Buffer>> = {}): Cloud {
  return {
    documents: new Map(Object.entries(documents).map(([key, body]) => [key, [body]])),
    files: new Map(),
    records: new Map(),
    progress: new Map(),
    refusedMoves: [],
  };
}

/** Every call to the outside passes through here: `call` names it, `commit` is what it does there. */
export type Wire = <T>(call: string, commit: () => T) => Promise<T>;

const direct: Wire = async (_call, commit) => {
  await Promise.resolve();
  return commit();
};

export class WorkerKilled extends Error {
  override readonly name = 'WorkerKilled';
}

export interface CrashPoint {
  /** The call, and which one of its name in the worker's life. */
  readonly at: string;
  readonly when: 'before' | 'after';
}

/** A wire on which the worker dies at one call, before or after its commit; nothing that it still tries gets through. */
export function mortal(point?: CrashPoint): { readonly wire: Wire; readonly passed: string[] } {
  const passed: string[] = [];
  const times = new Map<string, number>();
  let dead = false;
  return {
    passed,
    wire: async (call, commit) => {
      await Promise.resolve();
      if (dead) throw new WorkerKilled('killed before');
      const nth = (times.get(call) ?? 0) + 1;
      times.set(call, nth);
      const at = `${call} #${nth}`;
      passed.push(at);
      if (point?.at !== at) return commit();
      dead = true;
      if (point.when === 'after') commit();
      throw new WorkerKilled(`killed ${point.when} ${at}`);
    },
  };
}

export interface Worker {
  readonly wire?: Wire;
  /** Decides the sizes of chunks. */
  readonly random?: Random;
}

/** The stores of store.ts over a cloud in memory, as one worker sees them. */
export function storesOf(cloud: Cloud, { wire = direct, random = randomFrom(1) }: Worker = {}) {
  return {
    documents: {
      pin: (key, versionId) =>
        wire('documents.pin', () => {
          const versions = cloud.documents.get(key) ?? [];
          const index = versionId === undefined ? versions.length - 1 : Number(versionId);
          const body = versions[index];
          return body === undefined ? undefined : { key, versionId: String(index), bytes: body.length };
        }),
      async *read({ key, versionId }, from, to) {
        const body = cloud.documents.get(key)![Number(versionId)]!;
        for (let at = from; at < to;) {
          const end = Math.min(to, at + 1 + random.below(random.share(0.3) ? 7 : 4096));
          yield await wire('documents.read', () => body.subarray(at, end));
          at = end;
        }
      },
      text: (key) => wire('documents.text', () => cloud.documents.get(key)!.at(-1)!.toString()),
    } satisfies ReturnType<typeof documents>,
    files: (loadId: string) => filesOf(cloud, wire, loadId),
    records: {
      batchMax: 25,
      put: (document, part, batch) =>
        wire('records.put', () => {
          if (batch.length < 1 || batch.length > 25) throw new Error(`DynamoDB refuses a batch of ${batch.length}`);
          for (const { byte, json } of batch) cloud.records.set(`${part} ${byte}`, { document, json });
        }),
    } satisfies ReturnType<typeof records>,
    progress: {
      get: (part) => wire('progress.get', () => structuredClone(cloud.progress.get(part))),
      move: (part, from, next) =>
        wire('progress.move', () => {
          const at = cloud.progress.get(part);
          if (at?.byte !== from || (at !== undefined && at.state !== 'loading')) {
            cloud.refusedMoves.push({ part, from, at: at!.byte });
            return { moved: false, at: structuredClone(at!) } as const;
          }
          cloud.progress.set(part, structuredClone(next));
          return { moved: true } as const;
        }),
    } satisfies ReturnType<typeof progress>,
  };
}

function filesOf(cloud: Cloud, wire: Wire, loadId: string): LoadFiles {
  const keyOf = (name: string) => `loads/${loadId}/${name}`;
  const parsed = <T>(name: string): T => {
    const text = cloud.files.get(keyOf(name));
    if (text === undefined) throw new Error(`NoSuchKey: ${keyOf(name)}`);
    return JSON.parse(text) as T;
  };
  return {
    keyOf,
    getJson: <T>(name: string) => wire(`files.getJson ${name}`, () => parsed<T>(name)),
    exists: (name) => wire(`files.exists ${name}`, () => cloud.files.has(keyOf(name))),
    putJson: (name, value) =>
      wire(`files.putJson ${name}`, () => void cloud.files.set(keyOf(name), JSON.stringify(value))),
    createJsonOnce: <T>(name: string, value: T) =>
      wire(`files.createJsonOnce ${name}`, () => {
        if (cloud.files.has(keyOf(name))) return parsed<T>(name);
        cloud.files.set(keyOf(name), JSON.stringify(value));
        return value;
      }),
  };
}
