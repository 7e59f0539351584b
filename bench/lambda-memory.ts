/**
 * How much memory the worker that reads logs takes, and how fast one core reads: what MemorySize rests on.
 *
 *   node bench/lambda-memory.ts [--json]
 *
 * Makes logs of two densities in a temporary directory, plain, gzip and zstd, and runs the `extract` step on each in a
 * fresh process with one CPU. Rates are bytes, as they are stored, for a second of processor time, so that a busy
 * machine does not falsify them; memory is the process's peak (VmHWM). Lambda is neither: see lambda-numbers.ts.
 */
import { execFile } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { randomFrom } from '../engines/simulation/random.ts';
import { extract, type Sources } from '../lambdas/missing-notifications/steps.ts';

const plainBytes = 256 * 2 ** 20;
/** The unit reads its log so often, as if it were as many. */
const times = 4;
const seed = 1;
/** Lines for each that carries an ID: those of the question's load, and nothing else in the log. */
const densities = { 'one line in 400': 400, 'every line': 1 } as const;
const formats = {
  plain: (body: Buffer) => body,
  gzip: (body: Buffer) => gzipSync(body, { level: constants.Z_BEST_SPEED }),
  zstd: (body: Buffer) => zstdCompressSync(body),
};

interface Measured {
  readonly ids: string;
  readonly format: string;
  readonly bytes: number;
  /** Stored bytes, and plain ones, in MB for a second of one processor. */
  readonly megabytesPerSecond: number;
  readonly plainMegabytesPerSecond: number;
  readonly peakMegabytes: number;
}

function makeLog(linesPerId: number): Buffer {
  const random = randomFrom(seed);
  const hex = (digits: number) =>
    random
      .below(16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  const body = Buffer.alloc(plainBytes);
  let at = 0;
  for (let n = 0; ; n += 1) {
    const time = new Date(Date.UTC(2026, 2, 2) + n * 10).toISOString();
    const text =
      n % linesPerId === 0
        ? `notification.sent channel=email doc=${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(8)}${hex(4)} ms=${random.below(99)}`
        : `http.request path=/api/documents/${hex(8)} status=200 bytes=${random.below(99_999)} ms=${random.below(999)}`;
    const line = `${time} srv-${n % 500} INFO ${text}\n`;
    if (at + line.length > body.length) return body.subarray(0, at);
    at += body.write(line, at, 'latin1');
  }
}

/** The worker's own process: one unit of one log, over a file instead of S3, in packets of the size of S3's stream. */
async function work(file: string): Promise<void> {
  const shape = Buffer.alloc(513, 1).toString('base64');
  let written = 0;
  const files: Pick<Sources['files'], 'exists' | 'getJson' | 'put' | 'create'> = {
    exists: async () => false,
    getJson: async <T>() => ({ partitions: 8, shape }) as T,
    put: async (_name, body) => void (written += body.length),
    create: async (_name, body) => ((written += body.length), true),
  };
  const logs: Pick<Sources['logs'], 'open'> = {
    open: async () => createReadStream(file, { highWaterMark: 64 * 1024 }),
  };
  const object = { key: 'logs/srv-1/2026/03/02/notify.log', versionId: '1', bytes: statSync(file).size };
  const before = process.cpuUsage();
  await extract(
    {
      name: 'logs-00000',
      kind: 'logs',
      bytes: times * object.bytes,
      objects: Array.from({ length: times }, () => object),
    },
    { files, logs, clock: () => 0, memoryMb: 0 } as unknown as Sources,
  );
  const { user, system } = process.cpuUsage(before);
  const peakKb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  process.stdout.write(
    JSON.stringify({ seconds: (user + system) / 1e6, peakKb, bytes: times * object.bytes, written }),
  );
}

async function measure(directory: string): Promise<readonly Measured[]> {
  const all: Measured[] = [];
  for (const [ids, linesPerId] of Object.entries(densities)) {
    const log = makeLog(linesPerId);
    for (const [format, pack] of Object.entries(formats)) {
      const file = join(directory, 'log');
      writeFileSync(file, pack(log));
      const worker = [process.execPath, '--single-threaded-gc', import.meta.filename, '--work', file];
      const { stdout } = await promisify(execFile)('taskset', ['-c', '0', ...worker]);
      const { seconds, peakKb, bytes } = JSON.parse(stdout) as { seconds: number; peakKb: number; bytes: number };
      all.push({
        ids,
        format,
        bytes,
        megabytesPerSecond: bytes / seconds / 1e6,
        plainMegabytesPerSecond: (times * log.length) / seconds / 1e6,
        peakMegabytes: peakKb / 1000,
      });
    }
  }
  return all;
}

const [, , option, log] = process.argv;
if (option === '--work' && log !== undefined) {
  await work(log);
} else {
  const directory = mkdtempSync(join(tmpdir(), 'designs-lambda-memory-'));
  try {
    const all = await measure(directory);
    if (process.argv.includes('--json')) console.log(JSON.stringify(all));
    else {
      console.table(
        all.map(({ ids, format, ...rest }) => ({
          'lines with an ID': ids,
          format,
          'MB/s stored': Math.round(rest.megabytesPerSecond),
          'MB/s plain': Math.round(rest.plainMegabytesPerSecond),
          'peak MB': Math.round(rest.peakMegabytes),
        })),
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}
