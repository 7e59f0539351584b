/**
 * The instrumentation of proof bundles: injects armed faults at exact AWS calls and meters what each invocation used.
 * The build puts it around every handler; plain bundles do not contain it, and no handler knows of it.
 */

import { readFileSync, writeSync } from 'node:fs';
import { Client } from '@smithy/core/client';
import type { HttpResponse } from '@smithy/core/transport';
import type {
  DeserializeMiddleware,
  FinalizeRequestMiddleware,
  InitializeMiddleware,
  MiddlewareStack,
  Provider,
} from '@smithy/types';
import type { Fault } from '../../../lib/kit/proof.ts';
import { type Background, backgroundVariable, faultsOf, faultVariables, type Hit, hitsInFiles } from './faults.ts';
import type { ArmedBy, ProofLine, UsageLine } from './lines.ts';
import { refusal } from './refusal.ts';
import { addCall, addEventSource, addReply, emptyTally, tellsCapacity } from './tally.ts';

interface Invocation {
  readonly requestId: string;
  readonly startMs: number;
  readonly event: unknown;
  readonly faults: Readonly<Record<ArmedBy, ReturnType<typeof faultsOf>>>;
}

interface Context {
  readonly awsRequestId: string;
}

const armed = JSON.parse(process.env[faultVariables.faults] ?? '[]') as readonly Fault[];
const background = JSON.parse(process.env[backgroundVariable] ?? '{"faults":[],"seed":0,"run":"never"}') as Background;
const functionName = process.env['AWS_LAMBDA_FUNCTION_NAME'] ?? '';

let tally = emptyTally();
/** An environment runs one invocation at a time; calls made while the handler loads belong to the first. */
let invocation = begin('init', undefined);

/** The same handler, metered. */
export function wrap<Event, Result>(
  handler: (event: Event, context: Context) => Promise<Result>,
): (event: Event, context: Context) => Promise<Result> {
  return async (event, context) => {
    invocation = begin(context.awsRequestId, event);
    try {
      const result = await handler(event, context);
      finish('returned', result);
      return result;
    } catch (error) {
      finish('threw', undefined);
      throw error;
    }
  };
}

function begin(requestId: string, event: unknown): Invocation {
  const { [faultVariables.seed]: seed = '', [faultVariables.armed]: arming = 'never' } = process.env;
  const faults = {
    proof: faultsOf(armed, seed, requestId, hitsInFiles(arming, event)),
    background: faultsOf(background.faults, String(background.seed), requestId, hitsInFiles(background.run, event)),
  };
  return { requestId, startMs: performance.now(), event, faults };
}

function finish(outcome: UsageLine['outcome'], result: unknown): void {
  addEventSource(tally, invocation.event, result, outcome === 'returned');
  const peakMemoryKb = readPeakMemoryKb();
  print({
    designs: 'usage',
    function: functionName,
    request: invocation.requestId,
    outcome,
    handlerMs: Math.round((performance.now() - invocation.startMs) * 1000) / 1000,
    ...(peakMemoryKb === undefined ? {} : { peakMemoryKb }),
    heapUsedKb: Math.round(process.memoryUsage().heapUsed / 1024),
    ...tally,
  });
  tally = emptyTally();
}

function readPeakMemoryKb(): number | undefined {
  try {
    const kb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return kb === undefined ? undefined : Number(kb);
  } catch {
    return undefined;
  }
}

const printMaxMs = 1000;

/** Synchronous, so that a line is out before a crash. A pipe may take part of it, or nothing while it is full. */
function print(line: ProofLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  const deadlineMs = Date.now() + printMaxMs;
  let offset = 0;
  while (offset < bytes.length && Date.now() < deadlineMs) {
    try {
      offset += writeSync(1, bytes, offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

async function crash(): Promise<never> {
  finish('crashed', undefined);
  process.kill(process.pid, 'SIGKILL');
  return new Promise<never>(() => {});
}

/** As Node and the SDK's HTTP handler report a connection that was reset while the reply was awaited. */
function connectionReset(): Error {
  return Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' });
}

interface Output {
  readonly Body?: { destroy?(): void };
}

/** Replies that stand in for the service's, by the context of the call. */
const refusals = new WeakMap<object, HttpResponse>();

/** What the proof armed comes first: the background strikes calls that are left alone. */
function nextHit(operation: string): readonly [Hit, ArmedBy] | undefined {
  for (const armedBy of ['proof', 'background'] as const) {
    const hit = invocation.faults[armedBy].next(operation);
    if (hit !== undefined) return [hit, armedBy];
  }
  return undefined;
}

/** Below the retry middleware, next to the wire: a lost reply is retried by the SDK as any lost reply is. */
function atTheWire(service: string, protocol: string): FinalizeRequestMiddleware<object, object> {
  return (next, context) => async (args) => {
    const operation = operationOf(context);
    const call = `${service}.${operation}`;
    const [hit, armedBy] = nextHit(operation) ?? [];
    if (hit !== undefined && armedBy !== undefined) {
      const { fault, nth } = hit;
      print({ designs: 'fault', function: functionName, request: invocation.requestId, fault, armedBy, nth, call });
      if (fault.kind === 'crash-before') return crash();
      if (fault.kind === 'fail') {
        const { method } = args.request as { readonly method: string };
        refusals.set(context, refusal(hit, { protocol, method, input: args.input }));
        return next(args);
      }
    }

    addCall(tally, service, operation, args.input);
    const reply = next(args).then((result) => {
      addReply(tally, service, operation, result.output, bodyBytes(args.request));
      return result;
    });
    if (hit === undefined) return reply;

    // Whatever the service answered, a refusal too, nobody hears of it.
    const lost = await reply.catch(() => undefined);
    if (hit.fault.kind === 'crash-after') return crash();
    const output: Output | undefined = lost?.output;
    output?.Body?.destroy?.();
    throw connectionReset();
  };
}

/** Below the client's deserializer, which reads a refusal as it reads the service's own. */
function insteadOfTheService(): DeserializeMiddleware<object, object> {
  return (next, context) => async (args) => {
    const response = refusals.get(context);
    refusals.delete(context);
    // The client's deserializer, to which this goes, makes the output.
    return response === undefined ? next(args) : { response, output: { $metadata: {} } };
  };
}

/** Asks DynamoDB for the capacity that a call consumed, and hides the answer from a handler that did not ask. */
function asksCapacity(service: string): InitializeMiddleware<object, object> {
  return (next, context) => async (args) => {
    if (!tellsCapacity(service, operationOf(context)) || 'ReturnConsumedCapacity' in args.input) return next(args);
    const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
    delete (result.output as { ConsumedCapacity?: unknown }).ConsumedCapacity;
    return result;
  };
}

function operationOf(context: { readonly commandName?: string }): string {
  return (context.commandName ?? '').replace(/Command$/, '');
}

function bodyBytes(request: unknown): number {
  const { headers = {} } = request as { headers?: Record<string, string> };
  return Number(headers['x-amz-decoded-content-length'] ?? headers['content-length'] ?? 0);
}

interface AnyClient {
  readonly config: {
    readonly serviceId?: string | Provider<string>;
    readonly protocol?: { getShapeId(): string };
  };
  readonly middlewareStack: MiddlewareStack<object, object>;
}

const instrumented = new WeakSet<object>();

/** Patched once for all clients: each gets the middlewares when it is first used. */
const { send } = Client.prototype as unknown as { readonly send: (this: AnyClient, ...args: unknown[]) => unknown };
Client.prototype.send = function (this: AnyClient, ...args: unknown[]) {
  // A document client shares the stack of the client that it wraps.
  if (!instrumented.has(this.middlewareStack)) {
    instrumented.add(this.middlewareStack);
    const service = String(this.config.serviceId).toLowerCase().replaceAll(' ', '');
    this.middlewareStack.add(asksCapacity(service), { step: 'initialize', priority: 'low', name: 'proofCapacity' });
    const atWire = atTheWire(service, this.config.protocol?.getShapeId() ?? '');
    this.middlewareStack.add(atWire, { step: 'finalizeRequest', priority: 'low', name: 'proofWire' });
    this.middlewareStack.add(insteadOfTheService(), { step: 'deserialize', priority: 'low', name: 'proofRefusal' });
  }
  return send.apply(this, args);
} as typeof Client.prototype.send;
