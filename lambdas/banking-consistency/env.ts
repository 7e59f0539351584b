/** Environment variables by the name that the code uses: the stacks set them, the handlers read them. */

export const bankVariables = {
  accountsTable: 'ACCOUNTS_TABLE',
  entriesTable: 'ENTRIES_TABLE',
  transfersTable: 'TRANSFERS_TABLE',
} as const;

export const accountsVariables = { accountsTable: 'ACCOUNTS_TABLE' } as const;

export const listVariables = { accountsTable: 'ACCOUNTS_TABLE', entriesTable: 'ENTRIES_TABLE' } as const;

export const archiveVariables = { archiveBucket: 'ARCHIVE_BUCKET', headsTable: 'HEADS_TABLE' } as const;

export const auditVariables = {
  accountsTable: 'ACCOUNTS_TABLE',
  entriesTable: 'ENTRIES_TABLE',
  archiveBucket: 'ARCHIVE_BUCKET',
  headsTable: 'HEADS_TABLE',
} as const;

/** What the alarm looks at. */
export const findingsMetric = { namespace: 'BankingConsistency', name: 'AuditFindings' } as const;
