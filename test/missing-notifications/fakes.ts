import type { SeededDocument, World } from '../../clients/missing-notifications/servers.ts';
import { randomFrom, type Random } from '../../engines/simulation/random.ts';
import {
  type Claim,
  type LogObject,
  parseLogKey,
  problemOfId,
  signedShard,
} from '../../lambdas/missing-notifications/domain.ts';
import type {
  claims,
  documents,
  expectedServers,
  logs,
  missedQueue,
  notificationService,
  RunFiles,
} from '../../lambdas/missing-notifications/store.ts';

/** Everything outside of the process, in memory. Survives what happens to the workers. */
export interface Cloud {
  readonly servers: string[];
  readonly documents: SeededDocument[];
  /** Versions of each log, oldest first; a deleted log has no current one. */
  readonly logs: Map<string, { versions: Buffer[]; deleted: boolean }>;
  /** The bucket of runs, by whole key. */
  readonly files: Map<string, { body: Buffer; metadata: Record<string, string> }>;
  /** Document IDs in the order in which they were queued. */
  readonly queued: string[];
}

export function cloudOf({ servers, documents, logs }: Pick<World, 'servers' | 'documents' | 'logs'>): Cloud {
  const cloud: Cloud = {
    servers: [...servers],
    documents: [...documents],
    logs: new Map(),
    files: new Map(),
    queued: [],
  };
  for (const { key, body } of logs) putLog(cloud, key, body);
  return cloud;
}

export function putLog(cloud: Cloud, key: string, body: Buffer): void {
  const before = cloud.logs.get(key);
  cloud.logs.set(key, { versions: [...(before?.versions ?? []), body], deleted: false });
}

export function deleteLog(cloud: Cloud, key: string): void {
  cloud.logs.get(key)!.deleted = true;
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
export function mortal(point?: CrashPoint): { readonly wire: Wire; readonly passed: string[]; dead: () => boolean } {
  const passed: string[] = [];
  const times = new Map<string, number>();
  let dead = false;
  return {
    passed,
    dead: () => dead,
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

/** The stores of store.ts over a cloud in memory, as one worker sees them. */
export function storesOf(
  cloud: Cloud,
  { wire = direct, random = randomFrom(1) }: { wire?: Wire; random?: Random } = {},
) {
  return {
    servers: { names: () => wire('servers.names', () => cloud.servers.toSorted()) } satisfies ReturnType<
      typeof expectedServers
    >,
    logs: logsOf(cloud, wire, random),
    documents: documentsOf(cloud, wire),
    files: (runId: string) => filesOf(cloud, wire, runId),
    queue: {
      batchMax: 10,
      send: (_runId, ids) =>
        wire('queue.send', () => {
          if (ids.length < 1 || ids.length > 10) throw new Error(`SQS refuses a batch of ${ids.length}`);
          cloud.queued.push(...ids);
        }),
    } satisfies ReturnType<typeof missedQueue>,
  };
}

function logsOf(cloud: Cloud, wire: Wire, random: Random): ReturnType<typeof logs> {
  const current = () => [...cloud.logs].filter(([, { deleted }]) => !deleted);
  const pinned = ({ key, versionId }: LogObject) => cloud.logs.get(key)!.versions[Number(versionId)]!;
  const latest = (key: string) => cloud.logs.get(key)!.versions.at(-1)!;
  return {
    servers: () =>
      wire('logs.servers', () => [...new Set(current().map(([key]) => parseLogKey(key)!.server))].toSorted()),
    ofDay: (server, day) =>
      wire(`logs.ofDay ${server} ${day}`, () =>
        current()
          .filter(([key]) => key.startsWith(`logs/${server}/${day}/`))
          .map(([key, { versions }]) => ({
            key,
            versionId: String(versions.length - 1),
            bytes: versions.at(-1)!.length,
          })),
      ),
    all: () => wire('logs.all', () => current().map(([key]) => key)),
    plainTail: (object) =>
      wire(`logs.plainTail ${object.key}`, () => {
        const body = pinned(object);
        const compressed = (body[0] === 0x1f && body[1] === 0x8b) || body.readUInt32LE(0) === 0xfd2fb528;
        return compressed ? undefined : body.subarray(-64 * 1024);
      }),
    open: (object) => wire(`logs.open ${object.key}`, () => inChunks(pinned(object), random)),
    // More than was asked for, as a server may answer.
    head: (object, bytes) =>
      wire(`logs.head ${object.key}`, () => inChunks(pinned(object).subarray(0, bytes + 100), random)),
    openLatest: (key) => wire(`logs.openLatest ${key}`, () => inChunks(latest(key), random)),
  };
}

/** Bytes as a network serves them: in pieces of any size, cut anywhere. */
export async function* inChunks(body: Buffer, random: Random): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length;) {
    const bytes = 1 + random.below(random.share(0.3) ? 7 : 64 * 1024);
    yield body.subarray(at, at + bytes);
    at += bytes;
  }
}

const pageIds = 100;

const shards = new Map<string, string>();
/** Not signedShard() alone: the application may have written a document that the design has no shard for. */
function shardOf(id: string): string {
  const known = shards.get(id) ?? (problemOfId(id) === undefined ? signedShard(id) : '0');
  shards.set(id, known);
  return known;
}

function documentsOf(cloud: Cloud, wire: Wire): ReturnType<typeof documents> {
  return {
    async *signedIn(shard, fromMs, toMs) {
      const ids = cloud.documents
        .filter(({ signedAtMs }) => signedAtMs !== undefined && signedAtMs >= fromMs && signedAtMs < toMs)
        .toSorted((a, b) => a.signedAtMs! - b.signedAtMs!)
        .map(({ documentId }) => documentId)
        .filter((id) => shardOf(id) === shard);
      for (let at = 0; at === 0 || at < ids.length; at += pageIds) {
        yield await wire(`documents.signedIn ${shard}`, () => ({ ids: ids.slice(at, at + pageIds), readUnits: 0.5 }));
      }
    },
    allSigned: () =>
      wire('documents.allSigned', () =>
        cloud.documents.filter(({ status }) => status === 'signed').map(({ documentId }) => documentId),
      ),
  };
}

function filesOf(cloud: Cloud, wire: Wire, runId: string): RunFiles {
  const keyOf = (name: string) => `runs/${runId}/${name}`;
  const stored = (name: string) => {
    const file = cloud.files.get(keyOf(name));
    if (file === undefined) throw new Error(`NoSuchKey: ${keyOf(name)}`);
    return file;
  };
  const put = (name: string, body: Uint8Array | string, metadata: Readonly<Record<string, string>> = {}) => {
    cloud.files.set(keyOf(name), { body: Buffer.from(body), metadata: { ...metadata } });
  };
  const parsed = <T>(name: string) => JSON.parse(stored(name).body.toString()) as T;
  return {
    bucket: 'runs-bucket',
    keyOf,
    getJson: <T>(name: string) => wire(`files.getJson ${name}`, () => parsed<T>(name)),
    exists: (name) => wire(`files.exists ${name}`, () => cloud.files.has(keyOf(name))),
    createJsonOnce: <T>(name: string, value: T) =>
      wire(`files.createJsonOnce ${name}`, () => {
        if (cloud.files.has(keyOf(name))) return parsed<T>(name);
        put(name, JSON.stringify(value));
        return value;
      }),
    create: (name, body, metadata) =>
      wire(`files.create ${name}`, () => {
        if (cloud.files.has(keyOf(name))) return false;
        put(name, body, metadata);
        return true;
      }),
    put: (name, body, metadata) => wire(`files.put ${name}`, () => put(name, body, metadata)),
    range: (name, start, end) =>
      wire(`files.range ${name}`, () => (end <= start ? new Uint8Array() : stored(name).body.subarray(start, end))),
    suffix: (name, bytes) =>
      wire(`files.suffix ${name}`, () => {
        const { body, metadata } = stored(name);
        return { tail: body.subarray(-bytes), length: body.length, metadata };
      }),
  };
}

/** Claims, and the service that notifies, in memory. */
export interface Outside {
  readonly claims: Map<string, Claim & { readonly notifiedAtMs?: number }>;
  /** Keys that the service was given, by document, one for each call; a call without one has none. */
  readonly calls: { readonly documentId: string; readonly key: string | undefined }[];
  /** Documents that people were notified of, once for each notification. */
  readonly sent: string[];
  /** Records that were refused because the lease had gone to another owner. */
  readonly refusedRecords: string[];
}

export function outside(): Outside {
  return { claims: new Map(), calls: [], sent: [], refusedRecords: [] };
}

export function claimsOf({ claims: table, refusedRecords }: Outside, wire: Wire = direct): ReturnType<typeof claims> {
  return {
    take: (documentId, owner, nowMs, leaseMs) =>
      wire('claims.take', () => {
        const by = table.get(documentId);
        if (by !== undefined && !(by.state === 'claimed' && by.leaseUntilMs < nowMs)) {
          return by.state === 'claimed' && by.owner === owner ? { claimed: true } : { claimed: false, by };
        }
        table.set(documentId, { state: 'claimed', owner, leaseUntilMs: nowMs + leaseMs });
        return { claimed: true };
      }),
    record: (documentId, owner, notifiedAtMs) =>
      wire('claims.record', () => {
        const by = table.get(documentId);
        if (by?.owner !== owner) {
          refusedRecords.push(owner);
          return false;
        }
        table.set(documentId, { ...by, state: 'notified', notifiedAtMs });
        return true;
      }),
  };
}

export function serviceOf({ calls, sent }: Outside, wire: Wire = direct): ReturnType<typeof notificationService> {
  return {
    notify: (documentId, key) =>
      wire('service.notify', () => {
        const known = key !== undefined && calls.some((call) => call.key === key);
        calls.push({ documentId, key });
        if (!known) sent.push(documentId);
      }),
  };
}
