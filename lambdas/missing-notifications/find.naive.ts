import { decompress } from '../kit/decompress.ts';
import { readEnv } from '../kit/env.ts';
import { run } from '../kit/run.ts';
import { findVariables } from './env.ts';
import { documents, logs, notificationService } from './store.ts';

const env = readEnv(findVariables);
const signed = documents(env.documentsTable);
const serverLogs = logs(env.logsBucket);
const service = notificationService(env.notificationService);

/** Reads everything, subtracts, sends. */
export const handler = run(async (): Promise<{ readonly signed: number; readonly missed: number }> => {
  const notified = new Set<string>();
  for (const key of await serverLogs.all()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of decompress(await serverLogs.openLatest(key))) chunks.push(chunk.slice());
    const text = Buffer.concat(chunks).toString();
    for (const [, documentId] of text.matchAll(/notification\.sent .*?\bdoc=([0-9a-f-]{36})/g))
      notified.add(documentId!);
  }
  const documentIds = await signed.allSigned();
  const missed = documentIds.filter((documentId) => !notified.has(documentId));
  for (const documentId of missed) await service.notify(documentId);
  return { signed: documentIds.length, missed: missed.length };
});
