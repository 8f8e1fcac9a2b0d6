import { expect } from "bun:test";
import { bearer, errorOf, inNamespace, rawRpc, writeCounted } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

test.concurrent("MDB003_2A_T1 a written message is read back whole", async () => {
  await inNamespace(async (client) => {
    const before = Date.now();
    const written = await client.streamWrite("account-123", {
      type: "Deposited",
      data: { amount: 12.5, tags: ["a", "ä", "😀"], nested: { deep: [null, true, { x: [] }] } },
      metadata: { correlationStreamName: "order-7", user: "u1" },
    });
    const [message, ...others] = await client.streamGet("account-123");
    expect(others).toEqual([]);
    expect(message).toEqual({
      id: written.id,
      type: "Deposited",
      position: 0,
      globalPosition: written.globalPosition,
      data: { amount: 12.5, tags: ["a", "ä", "😀"], nested: { deep: [null, true, { x: [] }] } },
      metadata: { correlationStreamName: "order-7", user: "u1" },
      time: expect.any(String),
    });
    const time = Date.parse(message?.time ?? "");
    // The server runs on this machine, so by the same clock; its time is cut to milliseconds.
    expect(time).toBeGreaterThanOrEqual(before - 1);
    expect(time).toBeLessThanOrEqual(Date.now());
  });
});

test.concurrent("MDB003_2A_T1 the wire has the contract's layout and time format", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const { id, globalPosition } = await client.streamWrite("account-1", { type: "T", data: 1 });
    const request = JSON.stringify(["stream.get", "account-1"]);
    const { status, body, headers } = await rawRpc(server.url, request, bearer(namespace.token));
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("application/json");
    const row = (body as unknown[][])[0] ?? [];
    expect(row.slice(0, 6)).toEqual([id, "T", 0, globalPosition, 1, null]);
    const time = String(row[6]);
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(new Date(time).toISOString()).toBe(time);
  });
});

test.concurrent("MDB003_2A_T2 a write returns its positions and a UUID", async () => {
  await inNamespace(async (client) => {
    const first = await client.streamWrite("account-1", { type: "T", data: 0 });
    const second = await client.streamWrite("account-1", { type: "T", data: 1 });
    const other = await client.streamWrite("account-2", { type: "T", data: 2 });
    expect([first.position, second.position, other.position]).toEqual([0, 1, 0]);
    expect(first.globalPosition).toBeGreaterThanOrEqual(1);
    expect(second.globalPosition).toBeGreaterThan(first.globalPosition);
    expect(other.globalPosition).toBeGreaterThan(second.globalPosition);
    for (const { id } of [first, second, other]) expect(id).toMatch(UUID);
    expect(new Set([first.id, second.id, other.id]).size).toBe(3);
    const read = await client.streamGet("account-1");
    expect(read.map((m) => [m.position, m.data])).toEqual([[0, 0], [1, 1]]);
  });
});

test.concurrent("MDB003_2A_T3 a write with the right expectedVersion succeeds", async () => {
  await inNamespace(async (client) => {
    const write = (expectedVersion: number) =>
      client.streamWrite("account-1", { type: "T", data: {} }, { expectedVersion });
    expect((await write(-1)).position).toBe(0);
    expect((await write(0)).position).toBe(1);
    expect((await write(1)).position).toBe(2);
  });
});

test.concurrent("MDB003_2A_T4 a wrong expectedVersion is refused and writes nothing", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 7);
    const write = (stream: string, expectedVersion: number) =>
      client.streamWrite(stream, { type: "T", data: {} }, { expectedVersion });
    for (const wrong of [-1, 0, 5, 7, 99]) {
      const error = await errorOf(write("account-1", wrong));
      expect(error.code).toBe("STREAM_VERSION_CONFLICT");
      expect(error.status).toBe(409);
      expect(error.details).toEqual({ stream: "account-1", expected: wrong, actual: 6 });
      const text = `Wrong expected version: ${wrong} (Stream: account-1, Stream Version: 6)`;
      expect(error.message).toBe(text);
    }
    const missing = await errorOf(write("account-2", 0));
    expect(missing.details).toEqual({ stream: "account-2", expected: 0, actual: -1 });
    expect(await client.streamVersion("account-1")).toBe(6);
    expect(await client.streamVersion("account-2")).toBeNull();
    expect((await write("account-1", 6)).position).toBe(7);
  });
});

test.concurrent("MDB003_2A_T5 get begins at a position, inclusive", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 10);
    const from = async (position: number) =>
      (await client.streamGet("account-1", { position })).map((m) => m.position);
    expect(await from(7)).toEqual([7, 8, 9]);
    expect(await from(0)).toHaveLength(10);
    expect(await from(-5)).toHaveLength(10);
    expect(await from(10)).toEqual([]);
  });
});

test.concurrent("MDB003_2A_T5 get begins at a global position, inclusive", async () => {
  await inNamespace(async (client) => {
    await client.streamWrite("account-1", { type: "T", data: 0 });
    const between = await client.streamWrite("account-2", { type: "T", data: 1 });
    const second = await client.streamWrite("account-1", { type: "T", data: 2 });
    const from = async (globalPosition: number) =>
      (await client.streamGet("account-1", { globalPosition })).map((m) => m.data);
    expect(await from(1)).toEqual([0, 2]);
    expect(await from(between.globalPosition)).toEqual([2]);
    expect(await from(second.globalPosition)).toEqual([2]);
    expect(await from(second.globalPosition + 1)).toEqual([]);
    const both = errorOf(client.streamGet("account-1", { position: 0, globalPosition: 1 }));
    expect((await both).code).toBe("INVALID_REQUEST");
  });
});

test.concurrent("MDB003_2A_T6 get cuts at batchSize", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 12);
    const size = async (batchSize: number, position = 0) =>
      (await client.streamGet("account-1", { batchSize, position })).map((m) => m.position);
    expect(await size(1)).toEqual([0]);
    expect(await size(5, 3)).toEqual([3, 4, 5, 6, 7]);
    expect(await size(10_000)).toHaveLength(12);
    expect(await size(-1)).toHaveLength(12);
    expect(await size(0)).toEqual([]);
    for (const bad of [10_001, -2]) {
      const error = await errorOf(client.streamGet("account-1", { batchSize: bad }));
      expect(error.code).toBe("INVALID_REQUEST");
      expect(error.message).toContain("batchSize");
    }
  });
});

test.concurrent("MDB003_2A_T6 batchSize is 1000 by default, and -1 reads on past a page", async () => {
  await inNamespace(async (client) => {
    const numbers = [...Array(1_203).keys()];
    const write = (n: number) => client.streamWrite("bulk-1", { type: "T", data: n });
    for (let start = 0; start < numbers.length; start += 100) {
      await Promise.all(numbers.slice(start, start + 100).map(write));
    }
    const byDefault = await client.streamGet("bulk-1");
    expect(byDefault.map((m) => m.position)).toEqual([...Array(1_000).keys()]);
    const all = await client.streamGet("bulk-1", { batchSize: -1 });
    expect(all.map((m) => m.position)).toEqual(numbers);
    expect(new Set(all.map((m) => m.data)).size).toBe(1_203);
  });
});

test.concurrent("get goes backward, from the end or from a position", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 5);
    const back = async (options: { position?: number; batchSize?: number }) => {
      const read = await client.streamGet("account-1", { direction: "backward", ...options });
      return read.map((m) => m.position);
    };
    expect(await back({})).toEqual([4, 3, 2, 1, 0]);
    expect(await back({ position: 2 })).toEqual([2, 1, 0]);
    expect(await back({ batchSize: 2 })).toEqual([4, 3]);
    expect(await back({ position: 99, batchSize: 1 })).toEqual([4]);
  });
});

test.concurrent("get filters by type before it cuts the batch", async () => {
  await inNamespace(async (client) => {
    for (let n = 0; n < 6; n += 1) {
      await client.streamWrite("account-1", { type: n % 3 === 2 ? "Rare" : "Common", data: n });
    }
    const rare = await client.streamGet("account-1", { type: "Rare", batchSize: 2 });
    expect(rare.map((m) => [m.type, m.position])).toEqual([["Rare", 2], ["Rare", 5]]);
    expect(await client.streamGet("account-1", { type: "rare" })).toEqual([]);
  });
});

test.concurrent("MDB003_2A_T7 last returns the last message, of any or of one type", async () => {
  await inNamespace(async (client) => {
    await client.streamWrite("account-1", { type: "A", data: 0 });
    await client.streamWrite("account-1", { type: "B", data: 1 });
    const last = await client.streamWrite("account-1", { type: "A", data: 2 });
    expect(await client.streamLast("account-1")).toMatchObject({ id: last.id, position: 2, data: 2 });
    expect((await client.streamLast("account-1", { type: "B" }))?.position).toBe(1);
    expect(await client.streamLast("account-1", { type: "C" })).toBeNull();
    expect(await client.streamLast("account-2")).toBeNull();
  });
});

test.concurrent("MDB003_2A_T8 version is the last position, or null", async () => {
  await inNamespace(async (client) => {
    expect(await client.streamVersion("account-1")).toBeNull();
    await writeCounted(client, "account-1", 3);
    expect(await client.streamVersion("account-1")).toBe(2);
    expect(await client.streamVersion("account")).toBeNull();
  });
});

test.concurrent("MDB003_2A_T9 a stream that does not exist is empty", async () => {
  await inNamespace(async (client) => {
    await client.streamWrite("account-1", { type: "T", data: {} });
    expect(await client.streamGet("account-2")).toEqual([]);
    expect(await client.streamGet("account-10")).toEqual([]);
    expect(await client.streamGet("Account-1")).toEqual([]);
  });
});

test.concurrent("MDB003_2A_T10 metadata is preserved; an absent one is null", async () => {
  await inNamespace(async (client) => {
    const metadata = { userId: "u-1", deep: { list: [1, { a: null }], text: "ü" }, empty: {} };
    await client.streamWrite("account-1", { type: "T", data: {}, metadata });
    await client.streamWrite("account-1", { type: "T", data: {} });
    await client.streamWrite("account-1", { type: "T", data: {}, metadata: null });
    await client.streamWrite("account-1", { type: "T", data: {}, metadata: {} });
    const read = await client.streamGet("account-1");
    expect(read.map((m) => m.metadata)).toEqual([metadata, null, null, {}]);
  });
});

test.concurrent("a name without a dash is a stream of exactly that name", async () => {
  await inNamespace(async (client) => {
    await client.streamWrite("account", { type: "T", data: "plain" });
    await client.streamWrite("account-1", { type: "T", data: "with id" });
    expect((await client.streamGet("account")).map((m) => m.data)).toEqual(["plain"]);
    expect(await client.streamVersion("account")).toBe(0);
  });
});

test.concurrent("hostile stream names are names like any other", async () => {
  await inNamespace(async (client) => {
    const names = [
      "o'brien-1", 'quo"te-1', "per%cent-1", "under_score-1", "../../etc-1", "a;drop table-1",
      "Straße-ß", "口座-😀", "a\\b-1", "null-1", "x".repeat(498) + "-1", "é-1", "e\u0301-1",
    ];
    for (const name of names) await client.streamWrite(name, { type: "T", data: name });
    for (const name of names) {
      expect((await client.streamGet(name)).map((m) => m.data)).toEqual([name]);
      expect(await client.streamVersion(name)).toBe(0);
    }
    expect(await client.streamGet("perXcent-1")).toEqual([]);
  });
});
