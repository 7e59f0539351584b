/**
 * An object whose own properties are all that it has: `__proto__` and `constructor` are names as any other. As
 * Object.create(null), but of the engine's fast kind.
 */
export const Bare = function () {} as unknown as new <T>() => Record<string, T>;
(Bare as unknown as { prototype: unknown }).prototype = Object.create(null);
