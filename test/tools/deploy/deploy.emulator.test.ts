import {
  CloudFormationClient,
  DescribeStacksCommand,
  UpdateTerminationProtectionCommand,
} from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, HeadBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, inject, it } from 'vitest';
import { deploy, destroy, type DeployOptions } from '../../../tools/deploy/deploy.ts';
import { RunError } from '../../../tools/cli/errors.ts';
import { shelf } from './fixture/shelf.ts';

const aws = inject('aws');
const hiddenSeconds: Readonly<Record<string, number>> = { near: 30, far: 60 };

const shelves: DeployOptions = {
  slug: 'shelf',
  variants: ['near', 'far'],
  aws,
  // Its function is inline, so there is nothing to build.
  bundles: import.meta.dirname,
  load: async (variant) => shelf({ hiddenSeconds: hiddenSeconds[variant] ?? 0 }),
};

async function stackIsThere(name: string): Promise<boolean> {
  return await new CloudFormationClient(aws).send(new DescribeStacksCommand({ StackName: name })).then(
    () => true,
    () => false,
  );
}

async function visibility(queueUrl: string): Promise<string | undefined> {
  const { Attributes } = await new SQSClient(aws).send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['VisibilityTimeout'] }),
  );
  return Attributes?.['VisibilityTimeout'];
}

describe('deploy', () => {
  it('brings up the variants side by side, does nothing the second time, and destroy leaves nothing', async () => {
    const said: string[] = [];
    const deployed = await deploy({ ...shelves, run: 'whole', say: (text) => said.push(text) });
    const { near, far } = deployed as {
      near: NonNullable<(typeof deployed)[string]>;
      far: NonNullable<(typeof deployed)[string]>;
    };
    expect([near.stackNames, far.stackNames]).toEqual([{ main: 'shelf-near-whole' }, { main: 'shelf-far-whole' }]);
    expect([near.changed, far.changed]).toEqual([true, true]);
    expect(await Promise.all([visibility(near.outputs['Queue']!), visibility(far.outputs['Queue']!)])).toEqual([
      '30',
      '60',
    ]);
    expect(said.some((text) => text.startsWith('near: 10/10 '))).toBe(true);

    const { Payload } = await new LambdaClient(aws).send(
      new InvokeCommand({ FunctionName: near.outputs['Function'], Payload: Buffer.from('{"id":"a"}') }),
    );
    expect(JSON.parse(Buffer.from(Payload!).toString())).toEqual({ put: 'a', node: process.versions.node });

    const again = await deploy({ ...shelves, run: 'whole' });
    expect([again['near']?.changed, again['far']?.changed]).toEqual([false, false]);
    expect(again['near']?.outputs).toEqual(near.outputs);

    // More versions than a page holds, and a delete marker.
    const s3 = new S3Client({ ...aws, forcePathStyle: true });
    const bucket = near.outputs['Bucket']!;
    for (let n = 0; n < 1010; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          s3.send(new PutObjectCommand({ Bucket: bucket, Key: `book-${(n + i) % 7}`, Body: `${n}` })),
        ),
      );
    }
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'book-0' }));
    said.length = 0;
    await destroy({ ...shelves, run: 'whole', say: (text) => said.push(text) });
    // Stated, since the emulator, unlike CloudFormation, deletes a bucket with objects in it.
    expect(said).toContain(`near: ${bucket}: 1011 object versions deleted`);
    expect(await Promise.all(['shelf-near-whole', 'shelf-far-whole'].map(stackIsThere))).toEqual([false, false]);
    await expect(s3.send(new HeadBucketCommand({ Bucket: bucket }))).rejects.toMatchObject({ name: 'NotFound' });
    const { logGroups } = await new CloudWatchLogsClient(aws).send(
      new DescribeLogGroupsCommand({ logGroupNamePattern: 'shelf-near-whole' }),
    );
    expect(logGroups).toEqual([]);
    await destroy({ ...shelves, run: 'whole' });
  });

  it('deploys an edited template in place of the one that it stands for, even when that one was deployed before', async () => {
    const one = { ...shelves, variants: ['near'], run: 'edited' };
    await deploy(one);
    const edited = await deploy({
      ...one,
      editTemplate: (role, template) => {
        expect(role).toBe('main');
        const queue = Object.values(template.Resources).find(({ Type }) => Type === 'AWS::SQS::Queue')!;
        queue.Properties!['VisibilityTimeout'] = 5;
      },
    });
    expect(edited['near']?.changed).toBe(true);
    expect(await visibility(edited['near']!.outputs['Queue']!)).toBe('5');
    const [, queue] = Object.entries(edited['near']!.templates['main']!.Resources).find(
      ([, { Type }]) => Type === 'AWS::SQS::Queue',
    )!;
    expect(queue.Properties?.['VisibilityTimeout']).toBe(5);
    await destroy(one);
  });

  it('names the resource that failed, and why', async () => {
    const one = { ...shelves, variants: ['near'], run: 'broken' };
    const broken = deploy({
      ...one,
      editTemplate: (_, template) => {
        template.Resources['Broken'] = { Type: 'AWS::Imaginary::Thing' };
      },
    });
    await expect(broken).rejects.toThrow(RunError);
    await expect(broken).rejects.toThrow(/shelf near is not deployed: .*Imaginary/s);
    await destroy(one);
  });

  it('keeps the data of a production stage when its stack goes', async () => {
    const one = { ...shelves, variants: ['near'], run: 'kept', stage: 'production' } as const;
    const { near } = await deploy(one);
    const s3 = new S3Client({ ...aws, forcePathStyle: true });
    await s3.send(new PutObjectCommand({ Bucket: near!.outputs['Bucket'], Key: 'book', Body: 'kept' }));
    await destroy(one);
    expect(await stackIsThere('shelf-near-kept')).toBe(false);
    await expect(s3.send(new HeadBucketCommand({ Bucket: near!.outputs['Bucket'] }))).resolves.toBeDefined();
  });

  it('says what stands in the way of a destroy', async () => {
    const one = { ...shelves, variants: ['near'], run: 'protected' };
    await deploy(one);
    const protect = (on: boolean) =>
      new CloudFormationClient(aws).send(
        new UpdateTerminationProtectionCommand({ StackName: 'shelf-near-protected', EnableTerminationProtection: on }),
      );
    await protect(true);
    await expect(destroy(one)).rejects.toThrow(/TerminationProtection/i);
    await protect(false);
    await destroy(one);
  });
});
