import { LambdaClient } from '@aws-sdk/client-lambda';
import { AwsV4Signer } from 'aws4fetch';
import type { AwsConfig, HttpClient } from '../../lib/kit/proof.ts';

/** API Gateway gives up after 30 s. */
const replyMaxMs = 35_000;

/**
 * A client of an HTTP API: on an account at its own host, elsewhere under the path at which LocalStack and other
 * emulators serve it. Signed with the same credentials as everything else.
 */
export function httpClient(aws: AwsConfig, apiId: string): HttpClient {
  // The chain that every SDK client goes through: environment, profile, single sign-on.
  const { credentials } = new LambdaClient(aws).config;
  const base =
    aws.endpoint === undefined
      ? `https://${apiId}.execute-api.${aws.region}.amazonaws.com`
      : `${aws.endpoint}/_aws/execute-api/${apiId}/$default`;
  return async ({ method, path, headers = {}, body }) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const signed = await new AwsV4Signer({
      ...(await credentials()),
      service: 'execute-api',
      region: aws.region,
      method,
      url: `${base}${path}`,
      headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(text === undefined ? {} : { body: text }),
    }).sign();
    const reply = await fetch(signed.url, {
      method,
      headers: signed.headers,
      ...(text === undefined ? {} : { body: text }),
      signal: AbortSignal.timeout(replyMaxMs),
    });
    return { status: reply.status, headers: Object.fromEntries(reply.headers), body: await reply.text() };
  };
}
