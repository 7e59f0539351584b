import { edit } from '../tools/prove/proof-tests.ts';

export type Edits = ReturnType<typeof edit>;

/** A bank that looks at one balance after the other, and calls that one moment. */
export const oneAfterTheOther: Edits = edit(
  'lambdas/banking-consistency/steps.ts',
  'async () => accounts.snapshot(parts)',
  `async () => {
     const balances: Balance[] = [];
     for (const part of parts) balances.push(...(await accounts.anyBalances([part])));
     return balances;
   }`,
);
