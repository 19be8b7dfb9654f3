// What is looked at beyond an object's schema and rules before it is taken: passed in, since it takes reading that few processes have loaded.
import type { Problem } from '#foundation/problem';
import type { ApiObject } from './kind.ts';

/** An error refuses the object. Undefined at once: there is nothing to look at. */
export type Examine = (object: ApiObject) => Promise<readonly Problem[]> | undefined;
