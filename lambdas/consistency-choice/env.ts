/** Environment variables by the name that the code uses: the stacks set them, the handlers read them. */

export const enterVariables = { accountsTable: 'ACCOUNTS_TABLE' } as const;

/** `strong` or `eventual`: the choice stands in the stack, where the diff shows it. */
export const readBalanceVariables = { accountsTable: 'ACCOUNTS_TABLE', consistency: 'READ_CONSISTENCY' } as const;

export const clickAtOnceVariables = { countersTable: 'COUNTERS_TABLE' } as const;

export const clickVariables = { clicksQueue: 'CLICKS_QUEUE_URL' } as const;

export const countVariables = { countersTable: 'COUNTERS_TABLE', seenTable: 'SEEN_TABLE' } as const;

export const readClicksVariables = { countersTable: 'COUNTERS_TABLE', consistency: 'READ_CONSISTENCY' } as const;

export const rankVariables = { rankingsTable: 'RANKINGS_TABLE' } as const;

export const suggestAtOnceVariables = { rankingService: 'RANKING_SERVICE' } as const;

/** The policy of the cache, in milliseconds: `CachePolicy` in domain.ts says what each means. */
export const policyVariables = {
  freshForMs: 'FRESH_FOR_MS',
  staleForMs: 'STALE_FOR_MS',
  waitMaxMs: 'WAIT_MAX_MS',
  landMaxMs: 'LAND_MAX_MS',
  refreshMaxMs: 'REFRESH_MAX_MS',
  refreshGapMs: 'REFRESH_GAP_MS',
} as const;

export const suggestVariables = { ...suggestAtOnceVariables, ...policyVariables } as const;
