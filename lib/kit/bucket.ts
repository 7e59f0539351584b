import { Duration, Stack, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Handler } from './handler.ts';
import { isProduction, removalOfData } from './stage.ts';

export interface PrivateBucketProps {
  /** Keeps every version of an object, so that a reader can pin what it saw; false when absent. */
  readonly versioned?: boolean;
  /** Days after which objects are deleted; kept for ever when absent. */
  readonly expireAfterDays?: number;
  /**
   * Days for which nobody, the account's owner included, can delete a version of an object (object lock in compliance
   * mode). Outside production it is one day, which a deployer may pass by (governance mode). No lock when absent.
   */
  readonly lockedDays?: number;
  /** Sends object events to EventBridge; false when absent. */
  readonly events?: boolean;
}

/** A bucket that is encrypted, closed to the public and answers over TLS only. */
export class PrivateBucket extends Bucket {
  constructor(scope: Construct, id: string, props: PrivateBucketProps = {}) {
    super(scope, id, {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: props.versioned === true || props.lockedDays !== undefined,
      ...(props.lockedDays === undefined
        ? {}
        : {
            objectLockEnabled: true,
            objectLockDefaultRetention: isProduction(scope)
              ? ObjectLockRetention.compliance(Duration.days(props.lockedDays))
              : ObjectLockRetention.governance(Duration.days(1)),
          }),
      removalPolicy: removalOfData(scope),
      lifecycleRules: [
        {
          id: 'abort-stale-uploads',
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
        ...(props.expireAfterDays === undefined
          ? []
          : [{ id: 'expire', expiration: Duration.days(props.expireAfterDays) }]),
      ],
    });
    if (props.events === true) {
      // The plain property, not CDK's `eventBridgeEnabled`, which adds a custom resource with a function of its own.
      const cfn = this.node.defaultChild as CfnBucket;
      cfn.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    }
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Object reads are audited by CloudTrail data events, which an account turns on once for all buckets.',
    });
  }

  /** Lets a handler do these object actions below a prefix (`logs/`; empty for all objects), and nothing else. */
  allowObjects(handler: Handler, actions: readonly string[], prefix = ''): void {
    handler.allow(actions, this.arnForObjects(`${prefix}*`));
    const logicalId = Stack.of(this).getLogicalId(this.node.defaultChild as CfnBucket);
    Validations.of(handler).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${logicalId}.Arn>/${prefix}*]`,
      reason: 'Object keys are not known when the stack is deployed: the grant ends at the prefix.',
    });
  }

  /** Lets a handler list the bucket. */
  allowList(handler: Handler, actions: readonly string[]): void {
    handler.allow(actions, this.bucketArn);
  }
}
