import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type HttpMethod,
  HttpApi as CdkHttpApi,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Handler } from './handler.ts';
import { removalOfData } from './stage.ts';

export interface HttpApiProps {
  /** What it serves, in a sentence that the console shows. */
  readonly does: string;
  /** Requests a second that all clients together may make before they get a 429, in the steady state. */
  readonly requestsPerSecondMax: number;
  /** Requests at one moment; requestsPerSecondMax when absent. */
  readonly burstMax?: number;
}

/**
 * An HTTP API whose callers sign with an identity of the account (SigV4): nothing that is deployed to a sandbox is open
 * to the world. Throttled, every request in its access log.
 */
export class HttpApi extends Construct {
  readonly api: CdkHttpApi;
  readonly #authorizer = new HttpIamAuthorizer();

  constructor(scope: Construct, id: string, props: HttpApiProps) {
    super(scope, id);
    this.api = new CdkHttpApi(this, 'Api', {
      description: props.does,
      createDefaultStage: false,
    });
    const log = new LogGroup(this, 'AccessLog', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: removalOfData(this),
    });
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: {
        rateLimit: props.requestsPerSecondMax,
        burstLimit: props.burstMax ?? props.requestsPerSecondMax,
      },
      accessLogSettings: {
        destination: new LogGroupLogDestination(log),
        format: AccessLogFormat.custom(accessLogFormat),
      },
    });
  }

  /** Answers `method path`, such as `POST /charges`, by a function. Path parameters stand in braces. */
  route(methodAndPath: `${keyof typeof HttpMethod} /${string}`, handler: Pick<Handler, 'function' | 'node'>): void {
    const [method, path] = methodAndPath.split(' ') as [HttpMethod, string];
    this.api.addRoutes({
      path,
      methods: [method],
      authorizer: this.#authorizer,
      integration: new HttpLambdaIntegration(`${handler.node.id}Integration`, handler.function),
    });
  }
}

const accessLogFormat = JSON.stringify({
  requestId: '$context.requestId',
  time: '$context.requestTime',
  route: '$context.routeKey',
  status: '$context.status',
  responseBytes: '$context.responseLength',
  latencyMs: '$context.responseLatency',
  error: '$context.error.message',
  caller: '$context.identity.userArn',
});
