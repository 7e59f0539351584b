import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateListStackResources,
  waitUntilStackDeleteComplete,
  type StackResourceSummary,
} from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient, DeleteLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DeleteObjectsCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import type { AwsConfig, Template } from '../../lib/kit/proof.ts';
import { RunError } from '../cli/errors.ts';

const deleteTimeoutSeconds = 30 * 60;
/** A function that still runs may write to a bucket that was just emptied. */
const attemptsMax = 3;

/**
 * Deletes stacks by their names, in parallel; one that is not there is no error. What a template retains stays.
 *
 * @throws {RunError} with the resources that CloudFormation could not delete, and why.
 */
export async function destroyStacks(
  names: readonly string[],
  aws: AwsConfig,
  say: (text: string) => void,
): Promise<void> {
  await Promise.all(names.map((name) => destroyStack(name, aws, say)));
}

async function destroyStack(name: string, aws: AwsConfig, say: (text: string) => void): Promise<void> {
  const cloudFormation = new CloudFormationClient(aws);
  // By its id, a stack can still be asked for when it is gone.
  const id = await idOf(cloudFormation, name);
  if (id === undefined) return say(`${name} is not there`);
  const resources = await resourcesOf(cloudFormation, id);
  for (let attempt = 1; ; attempt++) {
    await emptyBuckets(resources, aws, say);
    say(`deleting ${name}`);
    await cloudFormation.send(new DeleteStackCommand({ StackName: id }));
    try {
      await waitUntilStackDeleteComplete(
        { client: cloudFormation, maxWaitTime: deleteTimeoutSeconds, minDelay: 1, maxDelay: 10 },
        { StackName: id },
      );
      break;
    } catch (error) {
      if (attempt === attemptsMax)
        throw new RunError(`${name} is not deleted: ${await failuresOf(cloudFormation, id, error)}`);
    }
  }
  await deleteLogGroups(resources, aws);
  say(`deleted ${name}`);
}

async function idOf(cloudFormation: CloudFormationClient, name: string): Promise<string | undefined> {
  try {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: name }));
    return Stacks[0]?.StackId;
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message)) return undefined;
    throw error;
  }
}

/** What goes with the stack: a resource that its template retains is none of ours to empty. */
async function resourcesOf(cloudFormation: CloudFormationClient, id: string): Promise<readonly StackResourceSummary[]> {
  const { TemplateBody = '{}' } = await cloudFormation.send(
    new GetTemplateCommand({ StackName: id, TemplateStage: 'Original' }),
  );
  const { Resources = {} } = JSON.parse(TemplateBody) as Partial<Template>;
  const going: StackResourceSummary[] = [];
  for await (const { StackResourceSummaries = [] } of paginateListStackResources(
    { client: cloudFormation },
    { StackName: id },
  )) {
    going.push(
      ...StackResourceSummaries.filter(({ LogicalResourceId = '' }) => !retained(Resources[LogicalResourceId])),
    );
  }
  return going;
}

function retained(resource: Template['Resources'][string] | undefined): boolean {
  return String(resource?.['DeletionPolicy'] ?? 'Delete').startsWith('Retain');
}

async function emptyBuckets(
  resources: readonly StackResourceSummary[],
  aws: AwsConfig,
  say: (text: string) => void,
): Promise<void> {
  const s3 = new S3Client({ ...aws, forcePathStyle: aws.endpoint !== undefined });
  await Promise.all(namesOf(resources, 'AWS::S3::Bucket').map((bucket) => emptyBucket(s3, bucket, say)));
}

/** Every version and delete marker, a page at a time, which is also the most that one call deletes. */
async function emptyBucket(s3: S3Client, bucket: string, say: (text: string) => void): Promise<void> {
  for (let deleted = 0; ;) {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket })).catch(absent('NoSuchBucket'));
    const objects = [...(page?.Versions ?? []), ...(page?.DeleteMarkers ?? [])].map(({ Key, VersionId }) => ({
      Key,
      VersionId,
    }));
    if (objects.length === 0) return;
    const { Errors = [] } = await s3.send(
      // Outside production, object lock is in governance mode, which a deployer may pass by.
      new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: objects, Quiet: true },
        BypassGovernanceRetention: true,
      }),
    );
    const [error] = Errors;
    if (error !== undefined)
      throw new RunError(`${bucket} is not emptied: ${error.Key}: ${error.Message ?? error.Code}`);
    deleted += objects.length;
    say(`${bucket}: ${deleted} object versions deleted`);
  }
}

/** Those that Lambda made for a function without one of its own. */
async function deleteLogGroups(resources: readonly StackResourceSummary[], aws: AwsConfig): Promise<void> {
  const logs = new CloudWatchLogsClient(aws);
  const made = namesOf(resources, 'AWS::Lambda::Function').map((name) => `/aws/lambda/${name}`);
  // And those of the stack, which a last late line brings back.
  for (const logGroupName of [...made, ...namesOf(resources, 'AWS::Logs::LogGroup')]) {
    await logs.send(new DeleteLogGroupCommand({ logGroupName })).catch(absent('ResourceNotFoundException'));
  }
}

function namesOf(resources: readonly StackResourceSummary[], type: string): readonly string[] {
  return resources.flatMap(({ ResourceType, PhysicalResourceId }) =>
    ResourceType === type && PhysicalResourceId ? [PhysicalResourceId] : [],
  );
}

function absent(name: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && error.name === name) return undefined;
    throw error;
  };
}

async function failuresOf(cloudFormation: CloudFormationClient, id: string, error: unknown): Promise<string> {
  const { StackEvents = [] } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: id }));
  const failed = StackEvents.filter(({ ResourceStatus }) => ResourceStatus === 'DELETE_FAILED').map(
    ({ LogicalResourceId, ResourceStatusReason }) => `${LogicalResourceId}: ${ResourceStatusReason}`,
  );
  return failed.length > 0 ? [...new Set(failed)].join('\n  ') : String(error);
}
