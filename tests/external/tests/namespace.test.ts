import { expect } from "bun:test";
import { makeToken, MessageDBClient, parseNamespaceFromToken } from "../lib/client.ts";
import { adminClient, errorOf, inNamespace, sharedServer, uniqueId } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test.concurrent("MDB003_3B_T3 what one namespace holds, no other sees", async () => {
  await inNamespace(async (one) => {
    await inNamespace(async (two) => {
      await one.streamWrite("account-1", { type: "Secret", data: "one" });
      await one.streamWrite("account-2", { type: "Secret", data: "one" });
      expect(await two.streamGet("account-1")).toEqual([]);
      expect(await two.streamVersion("account-1")).toBeNull();
      expect(await two.streamLast("account-2")).toBeNull();
      expect(await two.categoryGet("account")).toEqual([]);
      const written = await two.streamWrite("account-1", { type: "Own", data: "two" });
      expect(written.position).toBe(0);
      expect((await two.categoryGet("account")).map((m) => m.data)).toEqual(["two"]);
      expect((await one.categoryGet("account")).map((m) => m.data)).toEqual(["one", "one"]);
      expect((await two.namespaceInfo()).messageCount).toBe(1);
    });
  });
});

test.concurrent("MDB003_3B_T3 a subscription is told of its own namespace only", async () => {
  await inNamespace(async (one) => {
    await inNamespace(async (two) => {
      const subscription = await two.subscribe({ all: true });
      await one.streamWrite("account-1", MESSAGE);
      const own = await two.streamWrite("order-1", MESSAGE);
      expect((await subscription.next()).value).toEqual({
        stream: "order-1", position: 0, globalPosition: own.globalPosition,
      });
      subscription.close();
    });
  });
});

test.concurrent("MDB003_3B_T3 a token opens no namespace but its own", async () => {
  await inNamespace(async (_one, { namespace }) => {
    await inNamespace(async (two) => {
      const info = await errorOf(two.namespaceInfo(namespace.namespace));
      expect([info.code, info.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
      const deletion = await errorOf(two.deleteNamespace(namespace.namespace));
      expect([deletion.code, deletion.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
      // That there is no such namespace is told to an admin only.
      const missing = await errorOf(two.namespaceInfo(uniqueId()));
      expect([missing.code, missing.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
    });
  });
});

test.concurrent("a namespace is created with a token, described, listed and counted", async () => {
  const admin = await adminClient();
  const { url } = await sharedServer();
  const id = uniqueId("Described_1.x");
  const metadata = { owner: { team: "ä" } };
  const made = await admin.createNamespace(id, { description: "for a test", metadata });
  try {
    expect(made).toEqual({
      namespace: id, token: expect.any(String), createdAt: expect.stringMatching(UTC),
    });
    expect(parseNamespaceFromToken(made.token)).toBe(id);
    const client = new MessageDBClient(url, { token: made.token });
    const empty = await client.namespaceInfo();
    expect(empty).toMatchObject({
      namespace: id, description: "for a test", metadata, createdAt: made.createdAt,
      messageCount: 0, streamCount: 0, head: 0, lastActivity: null,
    });
    expect(empty.incarnation).toMatch(/^[0-9a-f-]{36}$/);
    await client.streamWrite("account-1", MESSAGE);
    await client.streamWrite("account-1", MESSAGE);
    const last = await client.streamWrite("account-2", MESSAGE);
    const info = await admin.namespaceInfo(id);
    expect(info).toMatchObject({ messageCount: 3, streamCount: 2, head: last.globalPosition });
    expect(info.lastActivity).toMatch(UTC);
    const listed = (await admin.listNamespaces({ limit: 1000 })).find((n) => n.namespace === id);
    expect(listed).toEqual({
      namespace: id, description: "for a test", createdAt: made.createdAt, messageCount: 3,
    });
  } finally {
    await admin.deleteNamespace(id);
  }
});

test.concurrent("a namespace takes the token it is given", async () => {
  const admin = await adminClient();
  const { url } = await sharedServer();
  const id = uniqueId();
  const token = makeToken(id);
  expect((await admin.createNamespace(id, { token })).token).toBe(token);
  expect(await new MessageDBClient(url, { token }).streamVersion("a-1")).toBeNull();
  await admin.deleteNamespace(id);
  for (const bad of [makeToken(uniqueId()), "ns_x_1", ""]) {
    const error = await errorOf(admin.createNamespace(uniqueId(), { token: bad }));
    expect([error.code, error.status]).toEqual(["INVALID_REQUEST", 400]);
  }
});

test.concurrent("listing is by id, in pages, for the admin only", async () => {
  const admin = await adminClient();
  const prefix = uniqueId("list");
  const ids = ["c", "a", "b"].map((letter) => `${prefix}-${letter}`);
  for (const id of ids) await admin.createNamespace(id);
  try {
    const all: string[] = [];
    for (let offset = 0; ; offset += 50) {
      const page = await admin.listNamespaces({ limit: 50, offset });
      all.push(...page.map((n) => n.namespace));
      expect(JSON.stringify(page)).not.toContain("ns_");
      if (page.length < 50) break;
    }
    expect(all.filter((id) => id.startsWith(prefix))).toEqual([...ids].sort());
    expect(all).toContain("default");
    expect(await admin.listNamespaces({ limit: 1 })).toHaveLength(1);
    expect((await errorOf(admin.listNamespaces({ limit: 1001 }))).code).toBe("INVALID_REQUEST");
    await inNamespace(async (client) => {
      const error = await errorOf(client.listNamespaces());
      expect([error.code, error.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
      const creation = await errorOf(client.createNamespace(uniqueId()));
      expect([creation.code, creation.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
    });
  } finally {
    for (const id of ids) await admin.deleteNamespace(id);
  }
});

test.concurrent("MDB003_3B_T5 a deleted namespace is gone, and its token with it", async () => {
  const admin = await adminClient();
  const { url } = await sharedServer();
  const { namespace, token } = await admin.createNamespace(uniqueId());
  const client = new MessageDBClient(url, { token });
  for (const n of [1, 2, 3]) await client.streamWrite(`account-${n}`, MESSAGE);
  expect(await client.deleteNamespace()).toEqual({
    namespace, messagesDeleted: 3, deletedAt: expect.stringMatching(UTC),
  });
  const read = await errorOf(client.streamGet("account-1"));
  expect([read.code, read.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
  const write = await errorOf(client.streamWrite("account-1", MESSAGE));
  expect([write.code, write.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
  const info = await errorOf(admin.namespaceInfo(namespace));
  expect([info.code, info.status]).toEqual(["NAMESPACE_NOT_FOUND", 404]);
  const again = await errorOf(admin.deleteNamespace(namespace));
  expect([again.code, again.status]).toEqual(["NAMESPACE_NOT_FOUND", 404]);
});

test.concurrent("MDB003_3B_T5 a namespace made again under its old id has nothing of the old one", async () => {
  const admin = await adminClient();
  const { url } = await sharedServer();
  const id = uniqueId();
  const first = await admin.createNamespace(id);
  const old = new MessageDBClient(url, { token: first.token });
  await old.streamWrite("account-1", MESSAGE);
  const { incarnation } = await old.namespaceInfo();
  await admin.deleteNamespace(id);
  const second = await admin.createNamespace(id);
  const renewed = new MessageDBClient(url, { token: second.token });
  expect(await renewed.streamGet("account-1")).toEqual([]);
  expect((await renewed.namespaceInfo()).incarnation).not.toBe(incarnation);
  expect((await renewed.streamWrite("account-1", MESSAGE)).position).toBe(0);
  expect((await errorOf(old.streamGet("account-1"))).code).toBe("AUTH_UNAUTHORIZED");
  await admin.deleteNamespace(id);
});

test.concurrent("MDB003_3B_T5 default cannot be deleted", async () => {
  const admin = await adminClient();
  const error = await errorOf(admin.deleteNamespace("default"));
  expect([error.code, error.status]).toEqual(["INVALID_REQUEST", 400]);
  expect((await admin.namespaceInfo("default")).namespace).toBe("default");
});

test.concurrent("namespaces whose ids differ only by case or at the end are two", async () => {
  const admin = await adminClient();
  const { url } = await sharedServer();
  const stem = uniqueId("n").padEnd(199, "x");
  const ids = [`${stem}a`, `${stem}b`, `${stem}A`];
  for (const id of ids) {
    const { token } = await admin.createNamespace(id);
    const client = new MessageDBClient(url, { token });
    expect(await client.streamVersion("account-1")).toBeNull();
    await client.streamWrite("account-1", MESSAGE);
  }
  for (const id of ids) expect((await admin.deleteNamespace(id)).messagesDeleted).toBe(1);
});

test.concurrent("ids that are no ids are refused, ids in use are taken", async () => {
  const admin = await adminClient();
  const bad = ["", ".a", "-a", "a/b", "a b", "ä", "a\n", "x".repeat(201), "a%00", "..", "a:b"];
  for (const id of bad) {
    const error = await errorOf(admin.createNamespace(id));
    expect([id, error.code, error.status]).toEqual([id, "INVALID_REQUEST", 400]);
  }
  const taken = await errorOf(admin.createNamespace("default"));
  expect([taken.code, taken.status]).toEqual(["NAMESPACE_EXISTS", 409]);
});

test.concurrent("the same namespace created many times at once is created once", async () => {
  const admin = await adminClient();
  const id = uniqueId();
  const tries = await Promise.allSettled(Array.from({ length: 10 }, () => admin.createNamespace(id)));
  expect(tries.filter((t) => t.status === "fulfilled")).toHaveLength(1);
  for (const t of tries) {
    if (t.status === "rejected") expect(t.reason).toMatchObject({ code: "NAMESPACE_EXISTS" });
  }
  await admin.deleteNamespace(id);
});
