import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import { UsageError } from '../cli/errors.ts';
import { startServer } from './guarded.ts';
import { pythonEnvironment } from './python.ts';

export const emulatorRequirements = join(import.meta.dirname, 'requirements.txt');

const startTimeoutMs = 60_000;

export interface Emulator {
  readonly aws: AwsConfig;
  readonly endpoint: string;
  /** Absent when AWS_ENDPOINT_URL named an endpoint and nothing was started. */
  readonly pid?: number;
  stop(): Promise<void>;
}

/**
 * What `AWS_ENDPOINT_URL` names, as it is, with the credentials of the environment; otherwise an emulator of our own on
 * free loopback ports, in memory, with IAM enforced, that ends with this process however that ends. Several run side by
 * side undisturbed.
 *
 * @throws {UsageError} without Python 3.10 or newer. @throws {RunError} when it does not start.
 */
export async function startEmulator({
  say = () => {},
}: { readonly say?: (text: string) => void } = {}): Promise<Emulator> {
  const given = process.env['AWS_ENDPOINT_URL'];
  if (given) return { aws: fromEnvironment(given), endpoint: given, stop: async () => {} };
  if (process.platform === 'win32') {
    throw new UsageError(
      'the emulator does not run on Windows itself: use WSL, or set AWS_ENDPOINT_URL to one in Docker',
    );
  }
  const python = await pythonEnvironment(emulatorRequirements, say);
  say('starting the emulator');
  const { server, ports } = await startServer(2, ([port = 0, mqttPort = 0]) => ministack(python, port, mqttPort));
  const endpoint = url(ports[0]!);
  return {
    aws: {
      region: 'us-east-1',
      endpoint,
      // The administrator: an emulated role has keys of its own, and the grants of its policies.
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    },
    endpoint,
    pid: server.pid,
    stop: server.stop,
  };
}

function ministack(python: string, port: number, mqttPort: number) {
  // Its health answer repeats this: another emulator that took the port meanwhile is not mistaken for ours.
  const edition = `designs-${randomUUID()}`;
  return {
    name: 'emulator',
    python,
    module: ['ministack_repaired'],
    startTimeoutMs,
    environment: {
      BIND_HOST: '127.0.0.1',
      // The name in queue URLs.
      MINISTACK_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      IOT_MTLS_PORT: String(mqttPort),
      // Its only other listener, on a fixed port of every interface.
      SFTP_ENABLED: '0',
      AUTH: 'true',
      LAMBDA_EXECUTOR: 'local',
      MINISTACK_EDITION: edition,
      // It would sweep containers of other emulators at its start.
      DOCKER_HOST: 'unix:///nonexistent',
    },
    healthy: async () => {
      const response = await fetch(`${url(port)}/_ministack/health`, { signal: AbortSignal.timeout(5_000) });
      return ((await response.json()) as { edition?: string }).edition === edition;
    },
  };
}

function fromEnvironment(endpoint: string): AwsConfig {
  const env = process.env;
  const [accessKeyId, secretAccessKey, sessionToken] = [
    env['AWS_ACCESS_KEY_ID'],
    env['AWS_SECRET_ACCESS_KEY'],
    env['AWS_SESSION_TOKEN'],
  ];
  return {
    region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1',
    endpoint,
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
  };
}

function url(port: number): string {
  return `http://127.0.0.1:${port}`;
}
