import { expect } from "bun:test";
import type { MessageDBClient } from "../lib/client.ts";
import { errorOf, inNamespace } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

/** `count` streams of a category with two messages each; their names. */
async function fill(client: MessageDBClient, category: string, count: number): Promise<string[]> {
  const names = [...Array(count).keys()].map((n) => `${category}-${n}`);
  for (const round of [0, 1]) {
    const write = (name: string) => client.streamWrite(name, { type: "T", data: { round } });
    await Promise.all(names.map(write));
  }
  return names;
}

test.concurrent("MDB003_2B_T1 a category holds the messages of its streams, in global order", async () => {
  await inNamespace(async (client) => {
    const written: number[] = [];
    for (const stream of ["account-1", "account-2", "order-1", "account-1", "accounts-1"]) {
      const { globalPosition } = await client.streamWrite(stream, { type: "T", data: stream });
      if (stream.startsWith("account-")) written.push(globalPosition);
    }
    const read = await client.categoryGet("account");
    expect(read.map((m) => m.data)).toEqual(["account-1", "account-2", "account-1"]);
    expect(read.map((m) => m.globalPosition)).toEqual(written);
    expect(read.map((m) => m.position)).toEqual([0, 0, 1]);
  });
});

test.concurrent("MDB003_2B_T2 a category's messages carry their stream's name", async () => {
  await inNamespace(async (client) => {
    const written = await client.streamWrite("account-7+x", { type: "T", data: 1, metadata: { a: 1 } });
    await client.streamWrite("account", { type: "T", data: 2 });
    const [first, second] = await client.categoryGet("account");
    expect(first).toEqual({
      ...written,
      streamName: "account-7+x",
      type: "T",
      data: 1,
      metadata: { a: 1 },
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect(second?.streamName).toBe("account");
  });
});

test.concurrent("MDB003_2B_T3 consumer groups partition the streams, all members together have all", async () => {
  await inNamespace(async (client) => {
    const names = await fill(client, "account", 40);
    const seen: string[] = [];
    for (const member of [0, 1, 2, 3]) {
      const group = { member, size: 4 };
      const read = await client.categoryGet("account", { consumerGroup: group });
      const streams = new Set(read.map((m) => m.streamName));
      // Whole streams, not single messages, go to a member.
      expect(read).toHaveLength(streams.size * 2);
      expect(streams.size).toBeGreaterThan(0);
      seen.push(...streams);
    }
    expect(seen.sort()).toEqual(names.sort());
  });
});

test.concurrent("MDB003_2B_T4 consumer groups have no overlap, at any size", async () => {
  await inNamespace(async (client) => {
    const names = await fill(client, "account", 30);
    for (const size of [1, 2, 3, 5, 7]) {
      const owners = new Map<string, number>();
      for (let member = 0; member < size; member += 1) {
        const read = await client.categoryGet("account", { consumerGroup: { member, size } });
        for (const name of new Set(read.map((m) => m.streamName))) {
          expect([name, owners.get(name)]).toEqual([name, undefined]);
          owners.set(name, member);
        }
      }
      expect(owners.size).toBe(names.length);
    }
  });
});

test.concurrent("MDB003_2B_T4 a compound id goes with its cardinal id; no id, no member", async () => {
  await inNamespace(async (client) => {
    const names = ["account-5", "account-5+a", "account-5+b", "account", "account-"];
    for (const name of names) await client.streamWrite(name, { type: "T", data: {} });
    const members = await Promise.all(
      [0, 1, 2].map((member) => client.categoryGet("account", { consumerGroup: { member, size: 3 } })),
    );
    const streams = members.map((read) => read.map((m) => m.streamName));
    expect(streams.filter((of) => of.includes("account-5"))).toEqual([
      expect.arrayContaining(["account-5", "account-5+a", "account-5+b"]),
    ]);
    expect(streams.flat().sort()).toEqual(["account-", "account-5", "account-5+a", "account-5+b"]);
  });
});

test.concurrent("a consumer group needs both member and size, in range", async () => {
  await inNamespace(async (client) => {
    const bad = [
      { member: 0 }, { size: 2 }, { member: 2, size: 2 }, { member: -1, size: 2 },
      { member: 0, size: 0 }, { member: 0, size: 32_768 }, { member: 0.5, size: 2 },
      { member: "0", size: 2 },
    ];
    for (const consumerGroup of bad) {
      const error = await errorOf(client.request("category.get", "account", { consumerGroup }));
      expect([error.code, error.status]).toEqual(["INVALID_REQUEST", 400]);
    }
    const largest = { member: 32_766, size: 32_767 };
    expect(await client.categoryGet("account", { consumerGroup: largest })).toEqual([]);
  });
});

test.concurrent("MDB003_2B_T5 correlation keeps what was caused by one category", async () => {
  await inNamespace(async (client) => {
    const correlations = ["order-1", "order-2+x", "order", "orders-1", "Order-1", null, 7];
    for (const correlationStreamName of correlations) {
      const data = correlationStreamName;
      await client.streamWrite("account-1", { type: "T", data, metadata: { correlationStreamName } });
    }
    await client.streamWrite("account-1", { type: "T", data: "without" });
    const read = await client.categoryGet("account", { correlation: "order" });
    expect(read.map((m) => m.data)).toEqual(["order-1", "order-2+x", "order"]);
    const error = await errorOf(client.categoryGet("account", { correlation: "order-1" }));
    expect(error.code).toBe("INVALID_REQUEST");
  });
});

test.concurrent("MDB003_2B_T6 a category is read from a global position, inclusive", async () => {
  await inNamespace(async (client) => {
    const at: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      const { globalPosition } = await client.streamWrite(`account-${n % 2}`, { type: "T", data: n });
      at.push(globalPosition);
    }
    for (const key of ["position", "globalPosition"] as const) {
      const from = async (value: number) =>
        (await client.categoryGet("account", { [key]: value })).map((m) => m.data);
      expect(await from(at[3] as number)).toEqual([3, 4, 5]);
      expect(await from((at[3] as number) + 1)).toEqual([4, 5]);
      expect(await from(-3)).toEqual([0, 1, 2, 3, 4, 5]);
      expect(await from((at[5] as number) + 1)).toEqual([]);
    }
  });
});

test.concurrent("MDB003_2B_T7 a category is cut at batchSize, after every filter", async () => {
  await inNamespace(async (client) => {
    for (let n = 0; n < 9; n += 1) {
      const message = { type: n % 2 ? "Odd" : "Even", data: n };
      await client.streamWrite(`account-${n % 3}`, message);
    }
    const read = async (options: object) =>
      (await client.categoryGet("account", options)).map((m) => m.data);
    expect(await read({ batchSize: 4 })).toEqual([0, 1, 2, 3]);
    expect(await read({ batchSize: 0 })).toEqual([]);
    expect(await read({ batchSize: -1 })).toHaveLength(9);
    expect(await read({ batchSize: 3, type: "Odd" })).toEqual([1, 3, 5]);
    expect(await read({ batchSize: 2, direction: "backward" })).toEqual([8, 7]);
    const error = await errorOf(client.categoryGet("account", { batchSize: 10_001 }));
    expect(error.message).toContain("batchSize");
  });
});

test.concurrent("MDB003_2B_T7 paging by globalPosition meets every message once", async () => {
  await inNamespace(async (client) => {
    await fill(client, "account", 25);
    await fill(client, "order", 5);
    const met: number[] = [];
    for (let from = 1; ; ) {
      const page = await client.categoryGet("account", { globalPosition: from, batchSize: 7 });
      met.push(...page.map((m) => m.globalPosition));
      if (page.length < 7) break;
      from = (met.at(-1) as number) + 1;
    }
    const whole = await client.categoryGet("account", { batchSize: -1 });
    expect(met).toEqual(whole.map((m) => m.globalPosition));
    expect(met).toHaveLength(50);
  });
});

test.concurrent("MDB003_2B_T8 a category without messages is empty", async () => {
  await inNamespace(async (client) => {
    await client.streamWrite("account-1", { type: "T", data: {} });
    for (const name of ["missing", "acc", "accounts", "Account", "account:command"]) {
      expect(await client.categoryGet(name)).toEqual([]);
    }
  });
});

test.concurrent("a category with a dash in it is refused", async () => {
  await inNamespace(async (client) => {
    const error = await errorOf(client.categoryGet("account-1"));
    expect([error.code, error.status]).toEqual(["INVALID_REQUEST", 400]);
    expect(error.message).toContain("must be a category");
  });
});

test.concurrent("category names with types and wildcards in them match only themselves", async () => {
  await inNamespace(async (client) => {
    for (const name of ["a:command-1", "a:x+y-1", "a_b-1", "axb-1", "a%-1", "é-1"]) {
      await client.streamWrite(name, { type: "T", data: name });
    }
    for (const category of ["a:command", "a:x+y", "a_b", "a%", "é"]) {
      const read = await client.categoryGet(category);
      expect(read.map((m) => m.data)).toEqual([`${category}-1`]);
    }
  });
});
