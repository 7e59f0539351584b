import { type AttributeValue, DynamoDBClient, type DynamoDBClientConfig, paginateScan } from '@aws-sdk/client-dynamodb';

type Item = Record<string, AttributeValue>;

export interface ChargeRow {
  readonly id: string;
  readonly customerId: string;
  readonly email: string;
  /** How often its amount was given back. */
  readonly refunds: number;
  /** The whole item, as text. */
  readonly text: string;
}

/** What auditors read: the merchant's charges and the card network's payments, by order. */
export function books(aws: DynamoDBClientConfig, tables: { readonly charges: string; readonly payments: string }) {
  const dynamo = new DynamoDBClient(aws);
  const itemsOf = async (TableName: string): Promise<readonly Item[]> => {
    const items: Item[] = [];
    for await (const { Items = [] } of paginateScan({ client: dynamo }, { TableName, ConsistentRead: true }))
      for (const item of Items) items.push(item);
    return items;
  };
  return {
    async charges(): Promise<ReadonlyMap<string, readonly ChargeRow[]>> {
      return Map.groupBy((await itemsOf(tables.charges)).map(rowOf), ({ orderId }) => orderId);
    },

    /** How often the network charged or refunded a card, by order. */
    async payments(outcome: 'charged' | 'refunded'): Promise<ReadonlyMap<string, number>> {
      const items = (await itemsOf(tables.payments)).filter((item) => item['outcome']?.S === outcome);
      const byOrder = Map.groupBy(items, (item) => item['orderId']!.S!);
      return new Map([...byOrder].map(([orderId, ofOrder]) => [orderId, ofOrder.length]));
    },
  };
}

function rowOf(item: Item): ChargeRow & { readonly orderId: string } {
  return {
    id: item['chargeId']!.S!,
    orderId: item['orderId']?.S ?? '',
    customerId: item['customerId']?.S ?? '',
    email: item['email']?.S ?? '',
    refunds: Number(item['refunded']?.N ?? 0) / Number(item['amount']?.N ?? 1),
    text: JSON.stringify(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}
