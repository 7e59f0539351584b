import { actionsOf } from './actions.ts';
import type { Tally } from './lines.ts';

export function emptyTally(): Tally {
  return {
    calls: {},
    actions: [],
    readUnits: 0,
    writeUnits: 0,
    sent: 0,
    received: 0,
    deleted: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
}

const capacityReads = new Set(['GetItem', 'Query', 'Scan', 'BatchGetItem', 'TransactGetItems']);
const capacityWrites = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems']);

/** True for DynamoDB operations that tell their capacity when `ReturnConsumedCapacity` asks. */
export function tellsCapacity(service: string, operation: string): boolean {
  return service === 'dynamodb' && (capacityReads.has(operation) || capacityWrites.has(operation));
}

/** Adds an attempt that leaves the process. */
export function addCall(tally: Tally, service: string, operation: string, request: object): void {
  const call = `${service}.${operation}`;
  tally.calls[call] = (tally.calls[call] ?? 0) + 1;
  for (const { action, resource } of actionsOf(service, operation, request)) {
    const used = `${action} ${resource}`.trimEnd();
    if (!tally.actions.includes(used)) tally.actions.push(used);
  }
}

interface Capacity {
  readonly CapacityUnits?: number;
}

/** The fields of the services' replies that are counted. */
interface Reply {
  readonly ConsumedCapacity?: Capacity | readonly Capacity[];
  readonly ContentLength?: number;
  readonly Successful?: readonly unknown[];
  readonly Messages?: readonly unknown[];
}

/** Adds what one successful call used. `sentBytes` is the length of the request's body. */
export function addReply(tally: Tally, service: string, operation: string, reply: Reply, sentBytes: number): void {
  switch (`${service}.${operation}`) {
    case 's3.GetObject':
      tally.bytesIn += reply.ContentLength ?? 0;
      return;
    case 's3.PutObject':
    case 's3.UploadPart':
      tally.bytesOut += sentBytes;
      return;
    case 'sqs.SendMessage':
      tally.sent += 1;
      return;
    case 'sqs.SendMessageBatch':
      tally.sent += reply.Successful?.length ?? 0;
      return;
    case 'sqs.ReceiveMessage':
      tally.received += reply.Messages?.length ?? 0;
      return;
    case 'sqs.DeleteMessage':
      tally.deleted += 1;
      return;
    case 'sqs.DeleteMessageBatch':
      tally.deleted += reply.Successful?.length ?? 0;
      return;
  }
  if (!tellsCapacity(service, operation)) return;
  const units = [reply.ConsumedCapacity ?? []].flat().reduce((sum, { CapacityUnits }) => sum + (CapacityUnits ?? 0), 0);
  if (capacityReads.has(operation)) tally.readUnits += units;
  else tally.writeUnits += units;
}

/** Adds the messages that an SQS event source received for this invocation, and deletes after it. */
export function addEventSource(tally: Tally, event: unknown, result: unknown, returned: boolean): void {
  const { Records: records } = (event ?? {}) as { Records?: unknown };
  if (!Array.isArray(records)) return;
  const messages = records.filter(
    (record: { eventSource?: unknown } | null) => record?.eventSource === 'aws:sqs',
  ).length;
  if (messages === 0) return;
  tally.received += messages;
  if (!returned) return;
  const { batchItemFailures } = (result ?? {}) as { batchItemFailures?: unknown };
  tally.deleted += messages - (Array.isArray(batchItemFailures) ? batchItemFailures.length : 0);
}
