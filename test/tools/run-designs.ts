import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AwsConfig } from '../../lib/kit/proof.ts';

/** Runs `designs` as a person does, with AWS_ENDPOINT_URL set; rejects when its exit code is not 0. */
export async function runDesigns(aws: AwsConfig, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, '../../bin/designs.ts'), ...args],
    {
      env: {
        ...process.env,
        AWS_ENDPOINT_URL: aws.endpoint,
        AWS_REGION: aws.region,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
      },
      maxBuffer: 2 ** 26,
    },
  );
  return stdout;
}
