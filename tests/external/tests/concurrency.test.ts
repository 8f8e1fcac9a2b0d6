import { expect } from "bun:test";
import { MessageDBError } from "../lib/client.ts";
import { inNamespace } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

test.concurrent("MDB003_3B_T1 concurrent writes to different streams all arrive", async () => {
  await inNamespace(async (client) => {
    const streams = [...Array(100).keys()].map((n) => `account-${n}`);
    for (let round = 0; round < 3; round += 1) {
      const write = (name: string) => client.streamWrite(name, { type: "T", data: { name, round } });
      const written = await Promise.all(streams.map(write));
      expect(written.map((w) => w.position)).toEqual(streams.map(() => round));
    }
    const stored = await client.categoryGet("account", { batchSize: -1 });
    expect(stored).toHaveLength(300);
    expect(new Set(stored.map((m) => m.globalPosition)).size).toBe(300);
    for (const message of stored) {
      expect(message.data).toEqual({ name: message.streamName, round: message.position });
    }
  });
});

test.concurrent("MDB003_3B_T1 writes to one stream at once leave no hole and lose nothing", async () => {
  await inNamespace(async (client) => {
    const numbers = [...Array(200).keys()];
    const write = (n: number) => client.streamWrite("account-1", { type: "T", data: n });
    const written = await Promise.all(numbers.map(write));
    const stored = await client.streamGet("account-1");
    expect(stored.map((m) => m.position)).toEqual(numbers);
    expect(stored.map((m) => m.data).sort((a, b) => Number(a) - Number(b))).toEqual(numbers);
    const globals = stored.map((m) => m.globalPosition);
    expect(globals).toEqual([...globals].sort((a, b) => a - b));
    for (const [n, { position, id }] of written.entries()) {
      expect(stored[position]).toMatchObject({ id, data: n });
    }
  });
});

test.concurrent("MDB003_3B_T2 each version is won exactly once by concurrent writers", async () => {
  await inNamespace(async (client) => {
    for (let version = -1; version < 9; version += 1) {
      const write = (n: number) =>
        client.streamWrite("account-1", { type: "T", data: n }, { expectedVersion: version });
      const tries = await Promise.allSettled([...Array(12).keys()].map(write));
      const won = tries.filter((t) => t.status === "fulfilled");
      expect(won.map((t) => t.value.position)).toEqual([version + 1]);
      for (const t of tries) {
        if (t.status === "fulfilled") continue;
        expect(t.reason).toBeInstanceOf(MessageDBError);
        expect(t.reason).toMatchObject({ code: "STREAM_VERSION_CONFLICT", status: 409 });
        const expected = { stream: "account-1", expected: version, actual: version + 1 };
        expect((t.reason as MessageDBError).details).toEqual(expected);
      }
    }
    expect(await client.streamVersion("account-1")).toBe(9);
  });
});

test.concurrent("MDB003_3B_T2 writers that read, decide and retry count without losing one", async () => {
  await inNamespace(async (client) => {
    const increment = async () => {
      for (;;) {
        const last = await client.streamLast("counter-1");
        const value = (last?.data as number | undefined) ?? 0;
        const expectedVersion = last?.position ?? -1;
        try {
          const message = { type: "Counted", data: value + 1 };
          return await client.streamWrite("counter-1", message, { expectedVersion });
        } catch (error) {
          if (!(error instanceof MessageDBError && error.code === "STREAM_VERSION_CONFLICT")) throw error;
        }
      }
    };
    const workers = Array.from({ length: 8 }, async () => {
      for (let n = 0; n < 5; n += 1) await increment();
    });
    await Promise.all(workers);
    const stored = await client.streamGet("counter-1");
    expect(stored.map((m) => m.data)).toEqual([...Array(40).keys()].map((n) => n + 1));
  });
});

test.concurrent("a reader of everything written so far never finds something new below it", async () => {
  await inNamespace(async (client) => {
    let writing = true;
    const writers = [...Array(6).keys()].map(async (n) => {
      for (let i = 0; i < 40; i += 1) await client.streamWrite(`account-${n}`, { type: "T", data: i });
    });
    const done = Promise.all(writers).finally(() => (writing = false));
    const seen: number[] = [];
    const readOn = async () => {
      const globalPosition = (seen.at(-1) ?? 0) + 1;
      const page = await client.categoryGet("account", { globalPosition, batchSize: 50 });
      seen.push(...page.map((m) => m.globalPosition));
      return page.length;
    };
    while (writing) await readOn();
    await done;
    while ((await readOn()) > 0);
    const stored = await client.categoryGet("account", { batchSize: -1 });
    expect(seen).toEqual(stored.map((m) => m.globalPosition));
    expect(seen).toHaveLength(240);
  });
});

test.concurrent("MDB003_3B_T6 many tests at once, each in its namespace, do not meet", async () => {
  const one = (n: number) =>
    inNamespace(async (client) => {
      const subscription = await client.subscribe({ category: "account" });
      for (let i = 0; i < 5; i += 1) {
        const written = await client.streamWrite("account-1", { type: `T${n}`, data: n });
        expect(written.position).toBe(i);
        expect((await subscription.next()).value).toMatchObject({ position: i });
      }
      subscription.close();
      const stored = await client.categoryGet("account");
      expect(stored.map((m) => [m.type, m.data])).toEqual(Array(5).fill([`T${n}`, n]));
      return client.namespace;
    });
  const namespaces = await Promise.all([...Array(20).keys()].map(one));
  expect(new Set(namespaces).size).toBe(20);
});
