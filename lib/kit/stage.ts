import { RemovalPolicy } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** App context key: `production` keeps data when its stack goes, `sandbox` (the default) deletes it. */
export const stageContext = 'stage';

/** App context key: `off` creates schedules disabled, so that a proof is not disturbed at night. */
export const schedulesContext = 'schedules';

export function isProduction(scope: IConstruct): boolean {
  return scope.node.tryGetContext(stageContext) === 'production';
}

/** What becomes of a resource that holds data when its stack is deleted. */
export function removalOfData(scope: IConstruct): RemovalPolicy {
  return isProduction(scope) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}

export function schedulesEnabled(scope: IConstruct): boolean {
  return scope.node.tryGetContext(schedulesContext) !== 'off';
}
