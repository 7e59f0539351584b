import type { Fault } from '../../../lib/kit/proof.ts';

/** What the instrumentation prints, one JSON object a line, and the proof reads back from the functions' logs. */
export type ProofLine = UsageLine | FaultLine;

/** One invocation, printed when it ends: also when it throws, and before an injected crash. */
export interface UsageLine extends Tally {
  readonly designs: 'usage';
  readonly function: string;
  readonly request: string;
  readonly outcome: 'returned' | 'threw' | 'crashed';
  readonly handlerMs: number;
  /** Peak resident memory (VmHWM) of the process so far; absent where the system does not tell. */
  readonly peakMemoryKb?: number;
  readonly heapUsedKb: number;
}

/** The proof itself, or `designs prove --faults`. */
export type ArmedBy = 'proof' | 'background';

/** A fault that fires, printed before it acts. */
export interface FaultLine {
  readonly designs: 'fault';
  readonly function: string;
  readonly request: string;
  /** As it was armed. */
  readonly fault: Fault;
  readonly armedBy: ArmedBy;
  /** The call that it hit, such as `dynamodb.PutItem`. */
  readonly call: string;
  /** How many of the invocation's calls the fault matched up to this one. */
  readonly nth: number;
}

/** What AWS calls of one invocation used. */
export interface Tally {
  /** Attempts that left the process, by `service.Operation`: a retry counts again, as it does on the bill. */
  readonly calls: Record<string, number>;
  /** IAM actions that they needed, each once, with what it was on: `dynamodb:PutItem orders`. */
  readonly actions: string[];
  readUnits: number;
  writeUnits: number;
  /** SQS messages, those of an event source included. */
  sent: number;
  received: number;
  deleted: number;
  /** S3 object bytes read and written. */
  bytesIn: number;
  bytesOut: number;
}
