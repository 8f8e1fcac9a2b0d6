import { expect } from "bun:test";
import { errorOf, inNamespace } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

test.concurrent("an id given is the message's id, in lower case", async () => {
  await inNamespace(async (client) => {
    const id = crypto.randomUUID();
    const written = await client.streamWrite(
      "account-1",
      { type: "T", data: {} },
      { id: id.toUpperCase() },
    );
    expect(written.id).toBe(id);
    expect((await client.streamLast("account-1"))?.id).toBe(id);
  });
});

test.concurrent("a write repeated with its id writes once and answers the same", async () => {
  await inNamespace(async (client) => {
    const id = crypto.randomUUID();
    const message = { type: "T", data: { a: 1, b: [1, 2] }, metadata: { m: true } };
    const first = await client.streamWrite("account-1", message, { id, expectedVersion: -1 });
    await client.streamWrite("account-1", { type: "Other", data: 0 });
    // The expected version is stale by now, and the keys stand in another order: still the same.
    const same = { type: "T", data: { b: [1, 2], a: 1.0 }, metadata: { m: true } };
    expect(await client.streamWrite("account-1", same, { id, expectedVersion: -1 })).toEqual(first);
    expect(await client.streamWrite("account-1", same, { id, expectedVersion: 9 })).toEqual(first);
    expect(await client.streamVersion("account-1")).toBe(1);
  });
});

test.concurrent("an id used for anything else is a conflict", async () => {
  await inNamespace(async (client) => {
    const id = crypto.randomUUID();
    const message = { type: "T", data: { a: 1 }, metadata: { m: 1 } };
    await client.streamWrite("account-1", message, { id });
    const others = [
      ["account-2", message],
      ["account-1", { ...message, type: "U" }],
      ["account-1", { ...message, data: { a: 2 } }],
      ["account-1", { ...message, metadata: { m: 2 } }],
      ["account-1", { ...message, metadata: null }],
    ] as const;
    for (const [stream, other] of others) {
      const error = await errorOf(client.streamWrite(stream, other, { id }));
      expect([error.code, error.status]).toEqual(["MESSAGE_ID_CONFLICT", 409]);
    }
    expect(await client.streamVersion("account-1")).toBe(0);
    expect(await client.streamVersion("account-2")).toBeNull();
  });
});

test.concurrent("the same id sent many times at once is written once", async () => {
  await inNamespace(async (client) => {
    const id = crypto.randomUUID();
    const write = () => client.streamWrite("account-1", { type: "T", data: "once" }, { id });
    const answers = await Promise.all(Array.from({ length: 20 }, write));
    expect(new Set(answers.map((a) => JSON.stringify(a))).size).toBe(1);
    expect(await client.streamGet("account-1")).toHaveLength(1);
  });
});

test.concurrent("the same id in two namespaces is two messages", async () => {
  const id = crypto.randomUUID();
  const write = () =>
    inNamespace((client) => client.streamWrite("a-1", { type: "T", data: {} }, { id }));
  const [one, two] = await Promise.all([write(), write()]);
  expect([one.position, two.position]).toEqual([0, 0]);
});
