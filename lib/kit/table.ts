import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { isProduction, removalOfData } from './stage.ts';

export interface OnDemandTableProps {
  /** Name of the partition key, a string. */
  readonly key: string;
  /** Name of the sort key, a string; none when absent. */
  readonly sort?: string;
  /** Attribute that holds an item's expiry in epoch seconds; items stay when absent. */
  readonly expires?: string;
  /** Tells every change, with the item before and after it; no stream when absent. */
  readonly stream?: boolean;
}

/** A DynamoDB table, paid by request, encrypted, with point-in-time recovery; production protects it from deletion. */
export class OnDemandTable extends Table {
  constructor(scope: Construct, id: string, props: OnDemandTableProps) {
    super(scope, id, {
      partitionKey: { name: props.key, type: AttributeType.STRING },
      ...(props.sort === undefined ? {} : { sortKey: { name: props.sort, type: AttributeType.STRING } }),
      ...(props.expires === undefined ? {} : { timeToLiveAttribute: props.expires }),
      ...(props.stream === true ? { stream: StreamViewType.NEW_AND_OLD_IMAGES } : {}),
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: isProduction(scope),
      removalPolicy: removalOfData(scope),
    });
  }
}
