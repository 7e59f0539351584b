import { createHash } from 'node:crypto';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { AuditReport } from '../../engines/ledger/audit.ts';
import { audit } from '../../lambdas/banking-consistency/steps.ts';
import { accounts, archive, checkpoints, entries, heads } from '../../lambdas/banking-consistency/store.ts';
import type { AwsConfig } from '../../lib/kit/proof.ts';
import { UsageError } from '../cli/errors.ts';

/**
 * What the nightly function does, from here, on a deployed stack of banking-consistency, over the whole chain. Reads
 * only.
 *
 * @throws {UsageError} when there is no such stack, or it has no archive.
 */
export async function auditStack(aws: AwsConfig, stackName: string, toleranceMs: number): Promise<AuditReport> {
  const outputs = await outputsOf(aws, stackName);
  const output = (name: string): string => {
    const value = outputs.get(name);
    if (value === undefined)
      throw new UsageError(
        `stack "${stackName}" has no output "${name}": name one of banking-consistency, improved, or deploy it again`,
      );
    return value;
  };
  const dynamo = DynamoDBDocumentClient.from(new DynamoDBClient(aws));
  const s3 = new S3Client({ ...aws, forcePathStyle: aws.endpoint !== undefined });
  const { report } = await audit({
    accounts: accounts(output('AccountsTable'), dynamo),
    entries: entries(output('EntriesTable'), dynamo),
    archive: archive(output('ArchiveBucket'), s3),
    heads: heads(output('HeadsTable'), dynamo),
    checkpoints: checkpoints(output('ArchiveBucket'), s3),
    clock: Date.now,
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
    toleranceMs,
    whole: true,
  });
  return report!;
}

async function outputsOf(aws: AwsConfig, StackName: string): Promise<ReadonlyMap<string, string>> {
  try {
    const { Stacks = [] } = await new CloudFormationClient(aws).send(new DescribeStacksCommand({ StackName }));
    return new Map((Stacks[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]));
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message))
      throw new UsageError(
        `there is no stack "${StackName}": deploy banking-consistency, or name its stack by --stack`,
      );
    throw error;
  }
}
