/** What `proof.ts` of a question exports, and what `designs prove` hands it. */

/** S read off the templates, E on the deployed handlers, M in a seeded model, B timed beside peers. Never mixed up. */
export type Tier = 'synth' | 'emulator' | 'model' | 'bench';

/** What a measured number must be. `any` records a trade-off's other side without judging it. */
export type Bar =
  | { readonly exactly: number }
  | { readonly above: number }
  | { readonly below: number }
  | { readonly atLeast: number }
  | { readonly atMost: number }
  | { readonly any: true };

interface PropertyHead {
  /** As the points of question.ts name it. */
  readonly name: string;
  /** Such as `documents` or `sends per document`. */
  readonly unit: string;
  /** The points that this property proves. */
  readonly points: readonly number[];
  readonly tier: Tier;
  /**
   * Why faults that strike anywhere (`designs prove --faults`) rightly change the number, as they do a peak of memory or
   * a count of calls: it is then measured and not judged. Absent: the improved variant keeps its bar under any faults.
   */
  readonly changedByFaults?: string;
}

/** A measured claim: its bars stand under the variants' names, beside the head. */
export type Property<Variant extends string = 'naive' | 'improved'> = PropertyHead & { readonly [V in Variant]: Bar };

/** `small` is for ablations and quick tests, `default` for `designs prove`, `full` the question's real load. */
export type Scale = 'small' | 'default' | 'full';

/** One deployed variant, as the workload sees it. The same workload code gets each in turn. */
export interface Target {
  readonly variant: string;
  /** CloudFormation outputs of all the variant's stacks, by output key. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Synthesised templates, by role (`main` for the first). */
  readonly templates: Readonly<Record<string, Template>>;
  /** Constructor argument for every AWS SDK client: region, credentials and endpoint of the emulator or the account. */
  readonly aws: AwsConfig;
  readonly seed: number;
  readonly scale: Scale;
  readonly faults: FaultControl;
  /** A client of the variant's HTTP API with this ID (an output), whose requests are signed. */
  http(apiId: string): HttpClient;
  /** What the variant's functions (and these Step Functions executions) used since then (epoch ms), read off their logs. */
  usage(sinceMs: number, executions?: readonly string[]): Promise<Usage>;
  /** A line of progress: what is happening, without the variant's name. */
  readonly say: (text: string) => void;
}

/** Rejects when there is no reply: nobody retries, so that a workload sees what a caller would. */
export type HttpClient = (request: HttpRequest) => Promise<HttpReply>;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, such as `/charges/ch_1`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text where it is a string; anything else is written as JSON. None when absent. */
  readonly body?: unknown;
}

export interface HttpReply {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AwsConfig {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

export interface Template {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Outputs?: Readonly<Record<string, unknown>>;
  readonly [section: string]: unknown;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly [attribute: string]: unknown;
}

/**
 * A fault at an exact AWS call of one function: `crash` ends the process (before the call leaves, or after it
 * committed), `lose-reply` lets the call commit and tells the SDK that the connection broke, `fail` answers with
 * `error` without making the call.
 */
export interface Fault {
  /** SDK operation, such as `PutObject`; `*` for any, `writes` for any that is not a read by its name. */
  readonly call: string;
  readonly kind: 'crash-before' | 'crash-after' | 'lose-reply' | 'fail';
  /**
   * Error name for `fail`, such as `ThrottlingException`: the client makes its own exception of it. A conflict with
   * another transaction is `TransactionCanceledException` to a transaction, `TransactionConflictException` to a single
   * write.
   */
  readonly error?: string;
  /**
   * Codes of `TransactionCanceledException`, in the order of the transaction's items, such as `ConditionalCheckFailed`;
   * `None` for the items that are left. When absent, one item that the seed picks has `TransactionConflict`.
   */
  readonly reasons?: readonly string[];
  /** Only the nth matching call (1-based) of an invocation; every matching call when absent. */
  readonly nth?: number;
  /** Share of the matching calls that are hit, chosen by the seed, the request id and the call's index; 1 when absent. */
  readonly share?: number;
  /** At most so many hits in one execution environment; unbounded when absent. */
  readonly times?: number;
  /**
   * At most so many hits for one event in one execution environment, however often the event comes again: a retried
   * task, a redelivered message, a repeated HTTP request. Crashes before and after a call count together. Unbounded when
   * absent.
   */
  readonly timesPerEvent?: number;
}

/**
 * The fault, and before it the same for the first matching call of an execution environment: what a share hits is left to
 * chance, and a workload of a hundred calls may go by without one.
 */
export function atLeastOnce(fault: Fault & { readonly share: number }): readonly Fault[] {
  const { share: _, ...certain } = fault;
  return [{ ...certain, times: 1 }, fault];
}

export interface FaultControl {
  /**
   * Arms faults in the deployed function whose physical name an output or the template gives; replaces what was armed
   * here. What `--faults` makes strike in the background goes on.
   */
  arm(functionName: string, faults: readonly Fault[]): Promise<void>;
  /** Takes all faults away from the function, or from every function when absent. */
  disarm(functionName?: string): Promise<void>;
  /** How often each fault that was armed here fired so far: read from the functions' logs. */
  fired(): Promise<readonly { readonly functionName: string; readonly fault: Fault; readonly hits: number }[]>;
}

/** Numbers by property name. Every property of the proof must be there. */
export type Measured = Readonly<Record<string, number>>;

export interface Proof<Variant extends string = 'naive' | 'improved'> {
  readonly properties: readonly Property<Variant>[];
  /**
   * Why a function is granted what the workload never makes it use, by variant and `Function action Resource`, such as
   * `Plan s3:GetObject Runs`: the construct that it is granted on. `Function action` is enough where only one of the
   * action's grants is unused, and all there is for one that names no resource of the stacks. Every other grant must be
   * used: whatever the workload leaves out is a risk without a use.
   */
  readonly unusedGrants?: Readonly<Partial<Record<Variant, Readonly<Record<string, string>>>>>;
  /** Drives the one workload against the target and measures every property. Must not branch on the variant's name. */
  measure(target: Target): Promise<Measured>;
}

/** What a variant used during a proof run. The estimates price these units. */
export interface Usage {
  readonly invocations: number;
  /** Wall milliseconds inside the handlers. */
  readonly handlerMs: number;
  /** AWS calls by `service.Operation`. */
  readonly calls: Readonly<Record<string, number>>;
  /** DynamoDB ConsumedCapacity, in units. */
  readonly readUnits: number;
  readonly writeUnits: number;
  /** SQS messages sent, received, deleted. */
  readonly messages: Readonly<{ sent: number; received: number; deleted: number }>;
  /** S3 object bytes. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Peak resident memory (VmHWM) in kB of any environment of a function, by physical name; those that ran only. */
  readonly peakMemoryKb: Readonly<Record<string, number>>;
  /** Step Functions state transitions, of executions and their Map Runs' children. */
  readonly stateTransitions: number;
}

/** True when the measured number meets the bar. */
export function meets(bar: Bar, measured: number): boolean {
  if ('exactly' in bar) return measured === bar.exactly;
  if ('above' in bar) return measured > bar.above;
  if ('below' in bar) return measured < bar.below;
  if ('atLeast' in bar) return measured >= bar.atLeast;
  if ('atMost' in bar) return measured <= bar.atMost;
  return Number.isFinite(measured);
}
