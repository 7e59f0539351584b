import { expect, it } from 'vitest';
import { addEventSource, addReply, emptyTally } from '../../../tools/bundle/proof/tally.ts';

it('adds read and write units apart, of single and of batched operations', () => {
  const tally = emptyTally();
  addReply(tally, 'dynamodb', 'GetItem', { ConsumedCapacity: { CapacityUnits: 0.5 } }, 0);
  addReply(tally, 'dynamodb', 'BatchGetItem', { ConsumedCapacity: [{ CapacityUnits: 1 }, { CapacityUnits: 2 }] }, 0);
  addReply(tally, 'dynamodb', 'TransactWriteItems', { ConsumedCapacity: [{ CapacityUnits: 8 }] }, 0);
  addReply(tally, 'dynamodb', 'PutItem', {}, 0);
  expect(tally).toMatchObject({ readUnits: 3.5, writeUnits: 8 });
});

it('adds object bytes by their direction', () => {
  const tally = emptyTally();
  addReply(tally, 's3', 'GetObject', { ContentLength: 100 }, 0);
  addReply(tally, 's3', 'PutObject', {}, 7);
  addReply(tally, 's3', 'UploadPart', {}, 5);
  addReply(tally, 's3', 'HeadObject', { ContentLength: 100 }, 0);
  expect(tally).toMatchObject({ bytesIn: 100, bytesOut: 12 });
});

it('adds the messages that a queue accepted, not those that were offered', () => {
  const tally = emptyTally();
  addReply(tally, 'sqs', 'SendMessageBatch', { Successful: [{}, {}] }, 0);
  addReply(tally, 'sqs', 'SendMessage', {}, 0);
  addReply(tally, 'sqs', 'ReceiveMessage', { Messages: [{}, {}, {}] }, 0);
  addReply(tally, 'sqs', 'ReceiveMessage', {}, 0);
  addReply(tally, 'sqs', 'DeleteMessageBatch', { Successful: [{}] }, 0);
  addReply(tally, 'sqs', 'DeleteMessage', {}, 0);
  expect(tally).toMatchObject({ sent: 3, received: 3, deleted: 2 });
});

const batch = { Records: [{ eventSource: 'aws:sqs' }, { eventSource: 'aws:sqs' }, { eventSource: 'aws:sqs' }] };

it('adds the messages of an event source, which deletes those that did not fail', () => {
  const all = emptyTally();
  addEventSource(all, batch, undefined, true);
  expect(all).toMatchObject({ received: 3, deleted: 3 });
  const some = emptyTally();
  addEventSource(some, batch, { batchItemFailures: [{ itemIdentifier: '1' }] }, true);
  expect(some).toMatchObject({ received: 3, deleted: 2 });
  const none = emptyTally();
  addEventSource(none, batch, undefined, false);
  expect(none).toMatchObject({ received: 3, deleted: 0 });
});

it.each([undefined, null, 'text', {}, { Records: 'no' }, { Records: [null, { eventSource: 'aws:s3' }] }])(
  'takes the event %j for no messages',
  (event) => {
    const tally = emptyTally();
    addEventSource(tally, event, { batchItemFailures: [1] }, true);
    expect(tally).toEqual(emptyTally());
  },
);
