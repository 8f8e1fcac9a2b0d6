/** Timing, and what a result looks like. */

export interface Measured {
  readonly name: string;
  readonly unit: "ms" | "/s";
  /** Median over the rounds. */
  readonly value: number;
  /** Smallest and largest round. */
  readonly range: readonly [number, number];
  /**
   * Cost as a multiple of a plain call's (`sys.version`), the two taken in turns: what another
   * machine, or this one on a busier day, can be compared by. Undisturbed calls (the 10th
   * percentile, the best rate) even where `value` is a p95: the tail belongs to the machine.
   */
  readonly relative: number;
  /** What the scenario asks for, in `unit`: at most for ms, at least for a rate. */
  readonly target: number;
}

export interface Report {
  readonly storage: string;
  readonly rounds: number;
  readonly results: readonly Measured[];
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export interface Paired {
  /** Milliseconds of each call. */
  readonly taken: readonly number[];
  /** An undisturbed call as a multiple of an undisturbed plain call. */
  readonly relative: number;
}

/** `count` calls one after the other, each followed by a plain one. */
export async function inTurns(
  count: number,
  plain: () => Promise<unknown>,
  call: (n: number) => Promise<unknown>,
): Promise<Paired> {
  const taken: number[] = [];
  const plainTaken: number[] = [];
  for (let n = 0; n < count; n += 1) {
    taken.push(await milliseconds(() => call(n)));
    plainTaken.push(await milliseconds(plain));
  }
  return { taken, relative: percentile(taken, 0.1) / percentile(plainTaken, 0.1) };
}

export async function milliseconds(body: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await body();
  return performance.now() - start;
}

/** `count` calls, `width` at a time: calls in a second. */
export async function rate(
  count: number,
  width: number,
  call: (n: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const n = next;
      next += 1;
      await call(n);
    }
  };
  const taken = await milliseconds(() => Promise.all(Array.from({ length: width }, worker)));
  return (count * 1000) / taken;
}
