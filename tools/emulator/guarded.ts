import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RunError } from '../cli/errors.ts';

const guardFile = join(import.meta.dirname, 'guard.py');
const logTailLines = 15;
const pollMs = 50;
const stopTimeoutMs = 5_000;
/** Of a race with another process for a free port, which ends at once and hardly ever repeats. */
const attemptsMax = 4;

/** A Python server that lives exactly as long as this process, or until `stop`. */
export interface Server {
  readonly pid: number;
  /** Ends it and its workers, and deletes its files. */
  stop(): Promise<void>;
}

export interface ServerPlan {
  /** What messages call it. */
  readonly name: string;
  readonly python: string;
  /** Command line behind `python -m`. */
  readonly module: readonly string[];
  /** Seeds Python's random numbers; random when absent. */
  readonly seed?: number;
  /** Beside the few variables that every process needs; nothing of our own environment leaks in. */
  readonly environment: Readonly<Record<string, string>>;
  /** True once this very server answers, not one that took its port before. */
  healthy(): Promise<boolean>;
  readonly startTimeoutMs: number;
}

/**
 * Starts what `plan` describes for free ports, and again for others when a port was taken meanwhile. A guard around
 * the module holds a pipe from us and kills the whole process group when it closes: the kernel closes it however this
 * process ends, so no signal handler of ours has to be asked.
 *
 * @throws {RunError} with the end of the server's log when it does not answer in time.
 */
export async function startServer<Ports extends readonly number[]>(
  ports: Ports['length'],
  plan: (ports: readonly number[]) => ServerPlan,
): Promise<{ readonly server: Server; readonly ports: readonly number[] }> {
  for (let attempt = 1; ; attempt++) {
    const free = await freePorts(ports);
    const outcome = await launch(plan(free));
    if (!('failed' in outcome)) return { server: outcome, ports: free };
    if (!outcome.portTaken || attempt === attemptsMax) throw new RunError(outcome.failed);
  }
}

/** Ports that nothing listens on, at the moment. Held all together, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

async function launch(plan: ServerPlan): Promise<Server | { failed: string; portTaken: boolean }> {
  const scratch = await mkdtemp(join(tmpdir(), `designs-${plan.name}-`));
  const logFile = join(scratch, 'log.txt');
  const log = await open(logFile, 'a');
  const seed = plan.seed === undefined ? '-' : String(plan.seed);
  const child = spawn(plan.python, [guardFile, scratch, seed, ...plan.module], {
    cwd: scratch,
    // A group of its own: Ctrl-C in the terminal reaches us, and our pipe reaches it.
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
    env: {
      // Lambda workers run on `node` from the PATH: the one that runs us.
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      HOME: scratch,
      TMPDIR: scratch,
      LANG: 'C.UTF-8',
      PYTHONUNBUFFERED: '1',
      // The modules beside the guard are sources of the repository.
      PYTHONDONTWRITEBYTECODE: '1',
      ...plan.environment,
    },
  });
  const ended = once(child, 'exit').catch(() => undefined);
  await log.close();
  // Neither the process nor its pipe keeps a command alive that has forgotten to stop it.
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();

  const alive = () => child.exitCode === null && child.signalCode === null && child.pid !== undefined;
  const stop = async () => {
    child.ref();
    child.stdin?.destroy();
    if (alive()) await Promise.race([ended, delay(stopTimeoutMs, undefined, { ref: false })]);
    if (alive()) {
      process.kill(-child.pid!, 'SIGKILL');
      await ended;
    }
    await rm(scratch, { recursive: true, force: true, maxRetries: 3 });
  };

  const deadline = performance.now() + plan.startTimeoutMs;
  while (performance.now() < deadline && alive()) {
    if (await plan.healthy().catch(() => false)) return { pid: child.pid!, stop };
    await Promise.race([ended, delay(pollMs)]);
  }
  const text = await readFile(logFile, 'utf8').catch(() => '');
  const how = alive() ? `did not answer in ${plan.startTimeoutMs / 1000} s` : 'ended';
  await stop();
  const tail = text.trimEnd().split('\n').slice(-logTailLines).join('\n');
  return { failed: `${plan.name} ${how}; the end of its log:\n${tail}`, portTaken: /already in use/i.test(text) };
}
