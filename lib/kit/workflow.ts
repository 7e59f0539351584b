import { type CfnElement, type Duration, Stack, Validations } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { type DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct, type IConstruct } from 'constructs';
import { removalOfData } from './stage.ts';

export interface WorkflowProps {
  readonly definition: DefinitionBody;
  /** After which an execution is given up. */
  readonly timeout: Duration;
  /** Buckets from which its Distributed Maps read their items; none when absent. */
  readonly readsItemsFrom?: readonly IBucket[];
}

/** A Standard state machine that is traced and logs every event. */
export class Workflow extends Construct {
  readonly machine: StateMachine;

  constructor(scope: Construct, id: string, props: WorkflowProps) {
    super(scope, id);
    this.machine = new StateMachine(this, 'Machine', {
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: props.definition,
      timeout: props.timeout,
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Logs', {
          retention: RetentionDays.ONE_MONTH,
          removalPolicy: removalOfData(this),
        }),
        level: LogLevel.ALL,
        includeExecutionData: true,
      },
    });
    this.#acknowledge('Log delivery and X-Ray have no resources to name in a policy.', '*');
    const self = `{"Fn::Select":[6,{"Fn::Split":[":",{"Ref":"${this.#idOf(this.machine)}"}]}]}`;
    const executions = `arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:${self}`;
    this.#acknowledge(
      'A Distributed Map starts and follows child executions of its own machine.',
      `${executions}:*`,
      `${executions}/*:*`,
    );
    for (const bucket of props.readsItemsFrom ?? []) {
      this.#acknowledge(
        'The map reads the list of its items, whose key the run gives.',
        `arn:<AWS::Partition>:s3:::<${this.#idOf(bucket)}>/*`,
      );
    }
  }

  #acknowledge(reason: string, ...resources: readonly string[]): void {
    Validations.of(this.machine).acknowledge(
      ...resources.map((resource) => ({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason })),
    );
  }

  #idOf(construct: IConstruct): string {
    return Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
  }
}
