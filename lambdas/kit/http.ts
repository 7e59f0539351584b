import { isServerError, isThrottlingError, isTransientError } from '@smithy/core/retry';
import type { MiddyfiedHandler } from '@middy/core';
import type {
  APIGatewayEventRequestContextIAMAuthorizer,
  APIGatewayProxyEventV2,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import { parse as parseJson } from 'secure-json-parse';
import type { z } from 'zod';
import { NoAnswer } from './clients.ts';
import { logger, run } from './run.ts';

/** A request to an HTTP API, as a handler reads it. */
export interface ApiRequest {
  /** `POST /charges`: method and path as the API's route has them. */
  readonly route: string;
  /** ARN of the IAM user or role that signed, all sessions of a role as one; empty where nobody had to sign. */
  readonly caller: string;
  /** Of the path, decoded. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** By lower-case name; several of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Empty when there is none. */
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What goes over the wire, byte for byte. */
  readonly body: string;
}

/** Of JSON bodies, in UTF-8: far more than any request of these APIs needs. */
export const bodyBytesMax = 64 * 1024;

/** An answer other than the one that was asked for, as a problem document (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Members beside type, title, status and detail. */
  readonly members: Readonly<Record<string, unknown>>;

  /** `detail` says what is wrong with this request, the value, the remedy. */
  constructor(
    status: number,
    detail: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly members?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(detail);
    this.status = status;
    this.headers = more.headers ?? {};
    this.members = more.members ?? {};
  }

  /** Titles are those of the status, since no problem here has a type of its own (RFC 9457, section 4.2.1). */
  get reply(): Reply {
    return {
      status: this.status,
      headers: { 'content-type': 'application/problem+json', ...this.headers },
      body: JSON.stringify({
        type: 'about:blank',
        title: titles[this.status] ?? 'Error',
        status: this.status,
        detail: this.message,
        ...this.members,
      }),
    };
  }
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  402: 'Payment Required',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/**
 * The JSON body of a request.
 *
 * @throws {Problem} 415 for another media type, 413 above bodyBytesMax, 400 for what is no JSON, has a key that would
 * reach into prototypes, or does not fit the schema: `errors` then names each place by a JSON pointer (RFC 6901).
 */
export function parseBody<T>(request: ApiRequest, schema: z.ZodType<T>): T {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type))
    throw new Problem(415, `content-type "${type.slice(0, 100)}" is not JSON: send application/json`);
  const bytes = Buffer.byteLength(request.body);
  if (bytes > bodyBytesMax) throw new Problem(413, `a body of ${bytes} bytes exceeds ${bodyBytesMax}: send less`);
  let value: unknown;
  try {
    value = parseJson(request.body, { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    throw new Problem(400, `the body is no JSON that is taken here: ${(error as Error).message.slice(0, 200)}`);
  }
  return parsed(value, schema, 'the body');
}

/** `value` if it fits; `what` names it. @throws {Problem} 400, whose `errors` name each place by a JSON pointer. */
export function parsed<T>(value: unknown, schema: z.ZodType<T>, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.slice(0, errorsMax).map(({ path, message }) => ({
    pointer: path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 100)}`).join(''),
    detail: message.slice(0, 200),
  }));
  throw new Problem(400, `${what} is not valid: ${errors.map((e) => `${e.pointer} ${e.detail}`.trim()).join('; ')}`, {
    members: { errors },
  });
}

const errorsMax = 10;

/**
 * The middleware under every handler of an HTTP API: `export const handler = api(charge({ … }))`. What is thrown
 * becomes a problem document: a Problem its own, a service that was throttled or away after all retries a 503 with
 * Retry-After, anything else a 500 that says nothing of the inside.
 */
export function api(
  handle: (request: ApiRequest, context: Context) => Promise<Reply>,
): MiddyfiedHandler<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2> {
  return run(async (event: APIGatewayProxyEventV2, context: Context) => {
    try {
      return resultOf(await handle(requestOf(event), context));
    } catch (error) {
      return resultOf(problemOf(error).reply);
    }
  });
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const cause = (error instanceof Error ? error : new Error(String(error))) as Error & { readonly cause?: Error };
  logger.error('handler failed', cause);
  return cause instanceof NoAnswer || isThrottlingError(cause) || isTransientError(cause) || isServerError(cause)
    ? new Problem(503, 'a service that this needs does not answer: try again', { headers: { 'retry-after': '1' } })
    : new Problem(500, 'the request failed, which is not its fault: try again or report the time of it');
}

function requestOf(event: APIGatewayProxyEventV2): ApiRequest {
  const {
    requestContext,
    routeKey,
    pathParameters,
    queryStringParameters,
    headers,
    body = '',
    isBase64Encoded,
  } = event;
  return {
    route: routeKey,
    caller: callerOf(requestContext),
    // Absent where there are none, and null on some emulators.
    parameters: pathParameters ?? {},
    query: queryStringParameters ?? {},
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: isBase64Encoded ? Buffer.from(body, 'base64').toString() : body,
  };
}

/** A client that retries may have a new session of its role by then, and is the same caller. */
function callerOf(context: APIGatewayProxyEventV2['requestContext'] | undefined): string {
  const { authorizer } = (context ?? {}) as { authorizer?: Partial<APIGatewayEventRequestContextIAMAuthorizer> };
  return (authorizer?.iam?.userArn ?? '').replace(/^(arn:[^:]+:sts::\d+:assumed-role\/[^/]+)\/.*$/, '$1');
}

function resultOf({ status, headers = {}, body }: Reply): APIGatewayProxyStructuredResultV2 {
  return {
    statusCode: status,
    headers: { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers },
    body,
  };
}
