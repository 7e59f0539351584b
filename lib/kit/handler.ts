import { Size, Stack, Validations, type Duration } from 'aws-cdk-lib';
import {
  type Grant,
  type IGrantable,
  type IPrincipal,
  Policy,
  PolicyStatement,
  type PolicyStatementProps,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Architecture, type CfnFunction, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { bundleDirectory } from './bundles.ts';
import { removalOfData } from './stage.ts';

export interface HandlerProps {
  /** `<slug>/<file>` without its ending, such as `missing-notifications/extract.improved`: the bundle that runs. */
  readonly entry: string;
  /** What it does, in a sentence that the console shows. */
  readonly does: string;
  /** Memory in MB; Lambda gives CPU in proportion, one core at 1,769. */
  readonly memoryMb: number;
  readonly timeout: Duration;
  /** Environment variables; none when absent. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Size of /tmp in MB; Lambda's 512 when absent. */
  readonly temporaryMb?: number;
}

/** Construct metadata: which source file the function runs, so that the diff can compare handlers by their source. */
export const handlerMetadata = 'designs:handler';

/**
 * A Lambda function on Node 24 that runs a pre-built bundle, with a log group and a role of its own. The role holds
 * what the function needs to log and trace, and nothing else until `allow` says more.
 */
export class Handler extends Construct implements IGrantable {
  readonly function: LambdaFunction;
  readonly grantPrincipal: IPrincipal;
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: HandlerProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: removalOfData(this),
    });
    this.#role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.grantPrincipal = this.#role.grantPrincipal;
    // Instead of the managed AWSLambdaBasicExecutionRole, which may write to every log group of the account.
    logGroup.grantWrite(this.#role);
    this.function = new LambdaFunction(this, 'Function', {
      description: props.does,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(bundleDirectory(this, props.entry)),
      handler: 'index.handler',
      memorySize: props.memoryMb,
      timeout: props.timeout,
      environment: {
        NODE_OPTIONS: '--enable-source-maps',
        // The `service` of each log line.
        POWERTOOLS_SERVICE_NAME: props.entry.split('/')[0]!,
        ...props.environment,
      },
      ...(props.temporaryMb === undefined ? {} : { ephemeralStorageSize: Size.mebibytes(props.temporaryMb) }),
      logGroup,
      role: this.#role,
    });
    this.#trace();
    Validations.of(Stack.of(this)).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${Stack.of(this).getLogicalId(this.#cfn)}.Arn>:*]`,
      reason: 'CDK lets whoever may invoke the function invoke its versions too; it has none but the one that runs.',
    });
    const [slug, file] = props.entry.split('/');
    this.node.addMetadata(handlerMetadata, { entry: `lambdas/${slug}/${file}.ts`, name: file });
  }

  /** Lets the function do exactly these actions on exactly these resources (ARNs). */
  allow(actions: readonly string[], ...resources: readonly string[]): void {
    this.#role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
  }

  /** Lets the function put metrics of one namespace. */
  allowMetrics(namespace: string): void {
    this.#allowEverywhere('Metrics', 'CloudWatch metrics have no resources to name: the grant ends at the namespace.', {
      actions: ['cloudwatch:PutMetricData'],
      conditions: { StringEquals: { 'cloudwatch:namespace': namespace } },
    });
  }

  /** Lets another principal invoke the function. */
  grantInvoke(grantee: IGrantable): Grant {
    return this.function.grantInvoke(grantee);
  }

  get #cfn(): CfnFunction {
    return this.function.node.defaultChild as CfnFunction;
  }

  #trace(): void {
    // Not CDK's `tracing`, whose statement on `*` would join the default policy and hide there behind our acknowledgement.
    this.#cfn.tracingConfig = { mode: 'Active' };
    const policy = this.#allowEverywhere('Tracing', 'X-Ray has no resources to name in a policy.', {
      actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
    });
    this.#cfn.node.addDependency(policy);
  }

  /** A statement on `*` stands in a policy of its own, so that its acknowledgement covers nothing else. */
  #allowEverywhere(id: string, reason: string, statement: Omit<PolicyStatementProps, 'resources'>): Policy {
    const policy = new Policy(this, id, {
      statements: [new PolicyStatement({ ...statement, resources: ['*'] })],
      roles: [this.#role],
    });
    Validations.of(policy).acknowledge({ id: 'AwsSolutions-IAM5[Resource::*]', reason });
    return policy;
  }
}
