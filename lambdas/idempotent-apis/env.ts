/** Environment variables by the name that the code uses: the stacks set them, the handlers read them. */

export const chargeVariables = {
  chargesTable: 'CHARGES_TABLE',
  keysTable: 'KEYS_TABLE',
  customersTable: 'CUSTOMERS_TABLE',
  networkFunction: 'NETWORK_FUNCTION',
} as const;

export const readVariables = { chargesTable: 'CHARGES_TABLE' } as const;

export const cancelVariables = { chargesTable: 'CHARGES_TABLE', networkFunction: 'NETWORK_FUNCTION' } as const;

export const networkVariables = { paymentsTable: 'PAYMENTS_TABLE' } as const;
