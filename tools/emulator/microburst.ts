import type { AwsConfig } from '../../lib/kit/proof.ts';
import { UsageError } from '../cli/errors.ts';
import { emulatorRequirements } from './emulator.ts';
import { startServer } from './guarded.ts';
import { profiles, type FaultRule, type ProfileName } from './profiles.ts';
import { pythonEnvironment } from './python.ts';

const startTimeoutMs = 60_000;

export interface Microburst {
  readonly endpoint: string;
  /** How often each fault fired so far, the most frequent first. */
  counts(): Promise<readonly FiredFault[]>;
  stop(): Promise<void>;
}

export interface FiredFault {
  readonly service: string;
  readonly operation: string;
  /** In microburst's words, such as `error:ProvisionedThroughputExceededException`. */
  readonly fault: string;
  readonly hits: number;
}

export interface MicroburstOptions {
  /** The endpoint that it stands before. */
  readonly upstream: string;
  /** A profile by its name, or rules of one's own. */
  readonly profile: ProfileName | readonly FaultRule[];
  /** The same requests in the same order meet the same faults. */
  readonly seed: number;
  readonly say?: (text: string) => void;
}

/**
 * A proxy that puts faults on the wire between SDK and emulator: clients take its endpoint, a function by its own
 * AWS_ENDPOINT_URL. About 170 requests a second on two cores. Ends with this process, as the emulator does.
 *
 * @throws {UsageError} for an unknown profile. @throws {RunError} when it does not start.
 */
export async function startMicroburst({
  upstream,
  profile,
  seed,
  say = () => {},
}: MicroburstOptions): Promise<Microburst> {
  const rules = typeof profile === 'string' ? profileNamed(profile) : profile;
  const python = await pythonEnvironment(emulatorRequirements, say);
  const { server, ports } = await startServer(1, ([port = 0]) => ({
    name: 'microburst',
    python,
    module: ['microburst_repaired', '--upstream', upstream, '--port', String(port), '--no-resign'],
    seed,
    environment: {},
    startTimeoutMs,
    healthy: async () => {
      const response = await fetch(control(port, 'health'), { signal: AbortSignal.timeout(5_000) });
      return ((await response.json()) as { upstream?: string }).upstream === upstream.replace(/\/$/, '');
    },
  }));
  const port = ports[0]!;
  await fetch(control(port, 'rules'), { method: 'POST', body: JSON.stringify(rules) });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    counts: async () => parseCounts(await (await fetch(control(port, 'metrics'))).text()),
    stop: server.stop,
  };
}

/** The same clients, through the proxy. */
export function through({ endpoint }: Microburst, aws: AwsConfig): AwsConfig {
  return { ...aws, endpoint };
}

function profileNamed(name: string): readonly FaultRule[] {
  if (Object.hasOwn(profiles, name)) return profiles[name as ProfileName];
  throw new UsageError(`unknown fault profile "${name}": use ${Object.keys(profiles).join(', ')}`);
}

function parseCounts(metrics: string): readonly FiredFault[] {
  return [...metrics.matchAll(/^microburst_faults_total\{service="(.*?)",operation="(.*?)",action="(.*)"\} (\d+)$/gm)]
    .map(([, service = '', operation = '', fault = '', hits]) => ({ service, operation, fault, hits: Number(hits) }))
    .sort((a, b) => b.hits - a.hits);
}

function control(port: number, path: string): string {
  return `http://127.0.0.1:${port}/_microburst/${path}`;
}
