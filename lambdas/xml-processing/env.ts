/** Environment variables by the name that the code uses: the stacks set them, the handlers read them. */

export const planVariables = { documentsBucket: 'DOCUMENTS_BUCKET', loadsBucket: 'LOADS_BUCKET' } as const;

export const scanVariables = { documentsBucket: 'DOCUMENTS_BUCKET', loadsBucket: 'LOADS_BUCKET' } as const;

export const resolveVariables = { loadsBucket: 'LOADS_BUCKET' } as const;

export const loadVariables = {
  documentsBucket: 'DOCUMENTS_BUCKET',
  loadsBucket: 'LOADS_BUCKET',
  recordsTable: 'RECORDS_TABLE',
  progressTable: 'PROGRESS_TABLE',
} as const;

export const reportVariables = { loadsBucket: 'LOADS_BUCKET', progressTable: 'PROGRESS_TABLE' } as const;

export const loadAllVariables = {
  documentsBucket: 'DOCUMENTS_BUCKET',
  recordsTable: 'RECORDS_TABLE',
  aggregatesTable: 'AGGREGATES_TABLE',
} as const;
