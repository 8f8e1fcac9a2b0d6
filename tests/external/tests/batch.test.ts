import { expect } from "bun:test";
import { type BatchMessage, MessageDBError } from "../lib/client.ts";
import { errorOf, inNamespace } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const batch = (count: number, more: object = {}): BatchMessage[] =>
  [...Array(count).keys()].map((n) => ({ type: "T", data: n, ...more }));
const withIds = (messages: readonly BatchMessage[]): BatchMessage[] =>
  messages.map((message) => ({ ...message, id: crypto.randomUUID() }));

test.concurrent("stream.writeBatch writes all messages, in order, side by side", async () => {
  await inNamespace(async (client) => {
    await client.streamWrite("account-1", { type: "T", data: "first" });
    const written = await client.streamWriteBatch("account-1", batch(1_000), { expectedVersion: 0 });
    expect(written.map((w) => w.position)).toEqual([...Array(1_000).keys()].map((n) => n + 1));
    const stored = await client.streamGet("account-1", { position: 1 });
    expect(stored.map((m) => m.id)).toEqual(written.map((w) => w.id));
    expect(stored.map((m) => m.data)).toEqual([...Array(1_000).keys()]);
  });
});

test.concurrent("stream.writeBatch writes all or nothing", async () => {
  await inNamespace(async (client) => {
    const wrong = await errorOf(client.streamWriteBatch("account-1", batch(3), { expectedVersion: 0 }));
    expect(wrong.code).toBe("STREAM_VERSION_CONFLICT");
    const bad = await errorOf(
      client.request("stream.writeBatch", "account-1", [...batch(2), { type: "", data: 0 }]),
    );
    expect([bad.code, bad.details["index"]]).toEqual(["INVALID_REQUEST", 2]);
    for (const messages of [[], batch(1_001), "text"]) {
      const refused = await errorOf(client.request("stream.writeBatch", "account-1", messages));
      expect(refused.code).toBe("INVALID_REQUEST");
    }
    const id = crypto.randomUUID();
    const twice = await errorOf(client.streamWriteBatch("account-1", batch(2, { id })));
    expect(twice.code).toBe("INVALID_REQUEST");
    expect(await client.streamVersion("account-1")).toBeNull();
  });
});

test.concurrent("stream.writeBatch can be repeated when every message has an id", async () => {
  await inNamespace(async (client) => {
    const messages = withIds(batch(3));
    const first = await client.streamWriteBatch("account-1", messages, { expectedVersion: -1 });
    await client.streamWrite("account-1", { type: "T", data: "between" });
    const again = await client.streamWriteBatch("account-1", messages, { expectedVersion: -1 });
    expect(again).toEqual(first);
    const partly = [...messages.slice(0, 2), ...withIds(batch(1))];
    expect((await errorOf(client.streamWriteBatch("account-1", partly))).code).toBe("MESSAGE_ID_CONFLICT");
    expect(await client.streamVersion("account-1")).toBe(3);
  });
});

test.concurrent("ns.transact writes to many streams, all or nothing", async () => {
  await inNamespace(async (client) => {
    const message = { type: "T", data: {} };
    const written = await client.transact(
      [
        ["account-1", message, { expectedVersion: -1 }],
        ["account-2", message],
        ["account-1", message],
      ],
      { check: { "order-1": -1 } },
    );
    expect(written.map((w) => w.position)).toEqual([0, 0, 1]);
    const globals = written.map((w) => w.globalPosition);
    expect(globals).toEqual([...globals].sort((a, b) => a - b));
    const guarded = await errorOf(
      client.transact([["account-3", message]], { check: { "account-1": 0 } }),
    );
    expect(guarded.code).toBe("STREAM_VERSION_CONFLICT");
    expect(guarded.details).toEqual({ stream: "account-1", expected: 0, actual: 1 });
    const half = await errorOf(
      client.transact([["account-3", message], ["account-1", message, { expectedVersion: 7 }]]),
    );
    expect(half.code).toBe("STREAM_VERSION_CONFLICT");
    expect(await client.streamVersion("account-3")).toBeNull();
  });
});

test.concurrent("ns.transact compares every expectation with the state before the call", async () => {
  await inNamespace(async (client) => {
    const message = { type: "T", data: {} };
    const both = { expectedVersion: -1 };
    const written = await client.transact([["a-1", message, both], ["a-1", message, both]]);
    expect(written.map((w) => w.position)).toEqual([0, 1]);
    const split = await errorOf(
      client.transact([
        ["a-1", message, { expectedVersion: 1 }],
        ["a-1", message, { expectedVersion: 2 }],
      ]),
    );
    expect(split.code).toBe("INVALID_REQUEST");
    expect(await client.streamVersion("a-1")).toBe(1);
  });
});

test.concurrent("ns.transact by competing writers: one wins each round", async () => {
  await inNamespace(async (client) => {
    for (let version = -1; version < 4; version += 1) {
      const move = (n: number) =>
        client.transact([
          ["left-1", { type: "T", data: n }, { expectedVersion: version }],
          ["right-1", { type: "T", data: n }, { expectedVersion: version }],
        ]);
      const tries = await Promise.allSettled([...Array(8).keys()].map(move));
      expect(tries.filter((t) => t.status === "fulfilled")).toHaveLength(1);
      for (const t of tries) if (t.status === "rejected") expect(t.reason).toBeInstanceOf(MessageDBError);
    }
    const left = await client.streamGet("left-1");
    const right = await client.streamGet("right-1");
    expect(left.map((m) => m.data)).toEqual(right.map((m) => m.data));
  });
});
