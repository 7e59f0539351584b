/** Environment variables by the name that the code uses: the stacks set them, the handlers read them. */

export const planVariables = {
  serversTable: 'SERVERS_TABLE',
  logsBucket: 'LOGS_BUCKET',
  runsBucket: 'RUNS_BUCKET',
} as const;

export const signVariables = { documentsTable: 'DOCUMENTS_TABLE', runsBucket: 'RUNS_BUCKET' } as const;

export const chooseVariables = { logsBucket: 'LOGS_BUCKET', runsBucket: 'RUNS_BUCKET' } as const;

export const extractVariables = { logsBucket: 'LOGS_BUCKET', runsBucket: 'RUNS_BUCKET' } as const;

export const markVariables = { logsBucket: 'LOGS_BUCKET', runsBucket: 'RUNS_BUCKET' } as const;

export const verifyVariables = { runsBucket: 'RUNS_BUCKET' } as const;

export const subtractVariables = { runsBucket: 'RUNS_BUCKET', missedQueue: 'MISSED_QUEUE_URL' } as const;

export const reconcileVariables = { ...markVariables, ...subtractVariables } as const;

export const reportVariables = { runsBucket: 'RUNS_BUCKET' } as const;

export const notifyVariables = {
  notificationsTable: 'NOTIFICATIONS_TABLE',
  notificationService: 'NOTIFICATION_SERVICE',
} as const;

export const deliverVariables = { deliveriesTable: 'DELIVERIES_TABLE' } as const;

export const findVariables = {
  documentsTable: 'DOCUMENTS_TABLE',
  logsBucket: 'LOGS_BUCKET',
  notificationService: 'NOTIFICATION_SERVICE',
} as const;

/** The sparse index of signed documents: by shard, then by signing time. */
export const signedIndex = 'signed';

/** The metric of every run: how many documents it found to be missed. */
export const missedMetric = { namespace: 'MissingNotifications', name: 'Missed' } as const;
