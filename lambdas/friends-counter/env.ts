/** Environment variables by the name that the code uses: the stacks set them, the handlers read them. */

export const registerVariables = { usersTable: 'USERS_TABLE' } as const;

export const publishVariables = { usersTable: 'USERS_TABLE', postsTable: 'POSTS_TABLE' } as const;

export const joinVariables = { postsTable: 'POSTS_TABLE', friendsTable: 'FRIENDS_TABLE' } as const;

export const viewVariables = { postsTable: 'POSTS_TABLE', countersTable: 'COUNTERS_TABLE' } as const;

export const keptViewVariables = { ...viewVariables, keptMs: 'KEPT_MS' } as const;

export const relateJoinedVariables = { usersTable: 'USERS_TABLE', friendsTable: 'FRIENDS_TABLE' } as const;

export const relateCountedVariables = { ...relateJoinedVariables, countersTable: 'COUNTERS_TABLE' } as const;

export const relateVariables = { ...relateCountedVariables, streamedFrom: 'STREAMED_FROM' } as const;

export const settleVariables = { friendsTable: 'FRIENDS_TABLE', countersTable: 'COUNTERS_TABLE' } as const;

export const repairVariables = {
  ...settleVariables,
  usersTable: 'USERS_TABLE',
  repairsTable: 'REPAIRS_TABLE',
} as const;
