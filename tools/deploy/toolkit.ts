import { BaseCredentials, Toolkit, type IIoHost, type IoMessage, type StackActivity } from '@aws-cdk/toolkit-lib';
import type { AwsConfig } from '../../lib/kit/proof.ts';

export interface DeployToolkit {
  readonly toolkit: Toolkit;
  /** Resources that failed, with CloudFormation's reason, in order. */
  readonly failures: readonly string[];
  /** True once a stack was created or updated. */
  changed(): boolean;
}

/** A CDK toolkit that asks nothing, and of its many messages says which resource is done. */
export function createToolkit(aws: AwsConfig, say: (text: string) => void): DeployToolkit {
  const failures: string[] = [];
  let changes = 0;
  const ioHost: IIoHost = {
    notify: async (message) => {
      if (isActivity(message)) report(message.data, failures, say);
      else if (isResult(message)) changes += message.data.noOp ? 0 : 1;
      else if (message.level === 'warn' || message.level === 'error') say(message.message);
    },
    requestResponse: async ({ defaultResponse }) => defaultResponse,
  };
  const { credentials, region } = aws;
  const baseCredentials = credentials
    ? BaseCredentials.custom({ provider: async () => credentials, region })
    : BaseCredentials.awsCliCompatible({ defaultRegion: region });
  const toolkit = new Toolkit({ ioHost, color: false, emojis: false, sdkConfig: { baseCredentials } });
  return { toolkit, failures, changed: () => changes > 0 };
}

function isResult(message: IoMessage<unknown>): message is IoMessage<{ noOp: boolean }> {
  return message.code === 'CDK_TOOLKIT_I5900';
}

function isActivity(message: IoMessage<unknown>): message is IoMessage<StackActivity> {
  return message.code === 'CDK_TOOLKIT_I5502';
}

function report({ event, progress }: StackActivity, failures: string[], say: (text: string) => void): void {
  const {
    LogicalResourceId: id = '',
    ResourceType: type = '',
    ResourceStatus: status = '',
    ResourceStatusReason: reason,
  } = event;
  if (status.endsWith('_FAILED')) {
    // Cancelled with the one that failed: not the cause.
    if (!/cancelled/i.test(reason ?? '')) failures.push(`${id} (${type}): ${reason ?? status}`);
    say(`${id} ${status}: ${reason ?? ''}`);
  } else if (status.endsWith('_COMPLETE') && progress.total !== undefined) {
    say(`${progress.completed}/${progress.total} ${id}`);
  }
}
