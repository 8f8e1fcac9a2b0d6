import { expect } from "bun:test";
import { MessageDBClient } from "../lib/client.ts";
import { eventStream, following, isEvent, isReady, pokes } from "../lib/follow.ts";
import { adminClient, bearer, errorOf, inNamespace, within, writeCounted } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };

test.concurrent("ns.get reads the whole namespace, in global order", async () => {
  await inNamespace(async (client) => {
    const at: number[] = [];
    for (const name of ["account-1", "order-1", "plain", "account-1"]) {
      const type = name === "plain" ? "Plain" : "T";
      at.push((await client.streamWrite(name, { type, data: name })).globalPosition);
    }
    const all = await client.namespaceGet();
    expect(all.map((m) => [m.streamName, m.position, m.globalPosition])).toEqual([
      ["account-1", 0, at[0]], ["order-1", 0, at[1]], ["plain", 0, at[2]], ["account-1", 1, at[3]],
    ] as [string, number, number][]);
    const read = async (options: object) =>
      (await client.namespaceGet(options)).map((m) => m.globalPosition);
    expect(await read({ globalPosition: at[2] })).toEqual(at.slice(2));
    expect(await read({ batchSize: 2 })).toEqual(at.slice(0, 2));
    expect(await read({ batchSize: -1 })).toEqual(at);
    expect(await read({ direction: "backward", batchSize: 1 })).toEqual(at.slice(3));
    expect(await read({ type: "Plain" })).toEqual(at.slice(2, 3));
  });
});

test.concurrent("ns.streams lists streams by name, by prefix and page by page", async () => {
  await inNamespace(async (client) => {
    const names = ["b-2", "a-1", "a-10", "a-2", "B-1", "ä-1", "a_b-1", "axb-1"];
    for (const name of names) await client.streamWrite(name, MESSAGE);
    await client.streamWrite("a-1", MESSAGE);
    const sorted = [...names].sort();
    const all = await client.streams();
    expect(all.map((s) => s.stream)).toEqual(sorted);
    expect(all.find((s) => s.stream === "a-1")).toEqual({
      stream: "a-1", version: 1, lastActivity: expect.stringMatching(/\.\d{3}Z$/),
    });
    expect((await client.streams({ prefix: "a-1" })).map((s) => s.stream)).toEqual(["a-1", "a-10"]);
    expect((await client.streams({ prefix: "a_" })).map((s) => s.stream)).toEqual(["a_b-1"]);
    const paged: string[] = [];
    for (;;) {
      const last = paged.at(-1);
      const page = await client.streams({ limit: 3, ...(last === undefined ? {} : { cursor: last }) });
      paged.push(...page.map((s) => s.stream));
      if (page.length < 3) break;
    }
    expect(paged).toEqual(sorted);
    expect((await errorOf(client.streams({ limit: 1001 }))).code).toBe("INVALID_REQUEST");
  });
});

test.concurrent("ns.categories counts streams and messages", async () => {
  await inNamespace(async (client) => {
    await writeCounted(client, "account-1", 2);
    await writeCounted(client, "account-2", 1);
    await writeCounted(client, "order", 1);
    expect(await client.categories()).toEqual([
      { category: "account", streamCount: 2, messageCount: 3 },
      { category: "order", streamCount: 1, messageCount: 1 },
    ]);
  });
});

test.concurrent("ns.rotateToken ends the old token at once, and its subscriptions", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    await client.streamWrite("account-1", MESSAGE);
    const raw = await eventStream(server.url, "all=true", bearer(namespace.token));
    await raw.upTo("ready", isReady);
    const rotated = await client.rotateToken();
    expect(rotated.namespace).toBe(namespace.namespace);
    expect(client.token).toBe(rotated.token);
    expect(rotated.token).not.toBe(namespace.token);
    expect(await client.streamVersion("account-1")).toBe(0);
    const old = new MessageDBClient(server.url, { token: namespace.token });
    expect((await errorOf(old.streamVersion("account-1"))).code).toBe("AUTH_UNAUTHORIZED");
    await raw.upTo("gone", isEvent("gone"));
    expect(await within("the end of the stream", raw.next())).toBeUndefined();
    await following(client, { all: true }, async (subscription) => {
      expect(await pokes(subscription, 1)).toHaveLength(1);
    });
    const other = (await adminClient()).rotateToken(namespace.namespace);
    await other;
    expect((await errorOf(client.streamVersion("account-1"))).code).toBe("AUTH_UNAUTHORIZED");
    const admin = await adminClient();
    await admin.deleteNamespace(namespace.namespace);
  });
});
