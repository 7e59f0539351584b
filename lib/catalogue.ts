import type { Question } from './kit/question.ts';
import { question as musicStreaming } from './questions/music-streaming/question.ts';
import { question as crosswords } from './questions/crosswords/question.ts';
import { question as xmlProcessing } from './questions/xml-processing/question.ts';
import { question as sportsAppBudget } from './questions/sports-app-budget/question.ts';
import { question as internationalTraffic } from './questions/international-traffic/question.ts';
import { question as systemBudget } from './questions/system-budget/question.ts';
import { question as embeddedPort } from './questions/embedded-port/question.ts';
import { question as systemSlowness } from './questions/system-slowness/question.ts';
import { question as readHeavy } from './questions/read-heavy/question.ts';
import { question as writeHeavy } from './questions/write-heavy/question.ts';
import { question as idempotentApis } from './questions/idempotent-apis/question.ts';
import { question as googleDocsRouting } from './questions/google-docs-routing/question.ts';
import { question as bankingConsistency } from './questions/banking-consistency/question.ts';
import { question as smartEngineBudget } from './questions/smart-engine-budget/question.ts';
import { question as missingNotifications } from './questions/missing-notifications/question.ts';
import { question as throughput } from './questions/throughput/question.ts';
import { question as consistencyChoice } from './questions/consistency-choice/question.ts';
import { question as friendsCounter } from './questions/friends-counter/question.ts';
import { question as subtitlesCrash } from './questions/subtitles-crash/question.ts';
import { question as vendingMachines } from './questions/vending-machines/question.ts';
import { question as photoStorageEstimate } from './questions/photo-storage-estimate/question.ts';
import { question as photoSharding } from './questions/photo-sharding/question.ts';

/** The one list: every tool, the app and the house tests iterate over it. `designs new` adds a line. */
export const catalogue: readonly Question[] = [
  musicStreaming,
  crosswords,
  xmlProcessing,
  sportsAppBudget,
  internationalTraffic,
  systemBudget,
  embeddedPort,
  systemSlowness,
  readHeavy,
  writeHeavy,
  idempotentApis,
  googleDocsRouting,
  bankingConsistency,
  smartEngineBudget,
  missingNotifications,
  throughput,
  consistencyChoice,
  friendsCounter,
  subtitlesCrash,
  vendingMachines,
  photoStorageEstimate,
  photoSharding,
];
