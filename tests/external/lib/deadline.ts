/** Waiting with a limit: what never comes is named in the failure, instead of a test that hangs. */

/** How long a test waits for something that normally takes milliseconds. */
export const PATIENCE_MS = 45_000;

/** The promise's value, or an error that says what did not come in time. */
export async function within<T>(what: string, promise: Promise<T>, ms = PATIENCE_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ask again and again until `condition` gives something other than null, undefined or false. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  ms = PATIENCE_MS,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await within(what, Promise.resolve(condition()), Math.max(1, end - Date.now()));
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The next `count` items of an iterator. */
export async function take<T>(
  what: string,
  iterator: AsyncIterator<T>,
  count: number,
  ms = PATIENCE_MS,
): Promise<T[]> {
  const items: T[] = [];
  const collect = async () => {
    while (items.length < count) {
      const next = await iterator.next();
      if (next.done === true) throw new Error(`${what}: ended after ${items.length} of ${count}`);
      items.push(next.value);
    }
    return items;
  };
  const end = collect();
  try {
    return await within(`${count} items of ${what}`, end, ms);
  } catch (error) {
    end.catch(() => {});
    throw new Error(`${what}: ${items.length} of ${count} came`, { cause: error });
  }
}
