/** The error codes of the contract, each earned by a request; faults.test.ts has the rest. */

import { expect } from "bun:test";
import { makeToken, MessageDBClient } from "../lib/client.ts";
import {
  adminClient, bearer, errorOf, exchange, foreignToken, inNamespace, type RawAnswer, rawRpc,
  sharedServer, uniqueId, withServer,
} from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const MESSAGE = { type: "T", data: {} };

function codeOf(answer: RawAnswer): unknown {
  return (answer.body as { error?: { code?: unknown } } | undefined)?.error?.code;
}

test.concurrent("INVALID_REQUEST: what is no call", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const bodies = [
      "", "nonsense", "{}", "7", "null", '"stream.get"', "[]", "[7]", "[null]", '["nope"]',
      '["stream.fly","a-1"]', '["stream.get"', '["STREAM.GET","a-1"]', '["stream.get","a-1"] x',
      '["stream.get","a-1",{},{}]', '["sys.version",1,2]', '["__class__.x"]', '["stream.get "]',
      "[".repeat(50_000), '{"jsonrpc":"2.0"}', '["stream.get","a-1",{"batchSize":1e400}]',
    ];
    for (const body of bodies) {
      const answer = await rawRpc(server.url, body, bearer(namespace.token));
      const shown = body.slice(0, 40);
      expect([shown, answer.status, codeOf(answer)]).toEqual([shown, 400, "INVALID_REQUEST"]);
      expect((answer.body as { error: object }).error).toHaveProperty("details", expect.any(Object));
    }
    expect((await client.streamWrite("a-1", MESSAGE)).position).toBe(0);
  });
});

test.concurrent("INVALID_REQUEST: wrong types in every argument, with the place", async () => {
  await inNamespace(async (client, { namespace }) => {
    const rows: [string, string, ...unknown[]][] = [
      ["$[1]", "stream.write", 7, MESSAGE],
      ["$[1]", "stream.write", "", MESSAGE],
      ["$[1]", "stream.write", "x".repeat(501), MESSAGE],
      ["$[1]", "stream.write", "é".repeat(499) + "😀", MESSAGE],
      ["$[1]", "stream.write", "a\n-1", MESSAGE],
      ["$[2]", "stream.write", "a-1", "text"],
      ["$[2]", "stream.write", "a-1"],
      ["$[2].type", "stream.write", "a-1", { type: 7, data: {} }],
      ["$[2].type", "stream.write", "a-1", { type: "", data: {} }],
      ["$[2].type", "stream.write", "a-1", { type: "t".repeat(501), data: {} }],
      ["$[2].type", "stream.write", "a-1", { type: "a\u0007", data: {} }],
      ["$[3]", "stream.write", "a-1", MESSAGE, "text"],
      ["$[3].id", "stream.write", "a-1", MESSAGE, { id: "nonsense" }],
      ["$[3].id", "stream.write", "a-1", MESSAGE, { id: `{${crypto.randomUUID()}}` }],
      ["$[3].id", "stream.write", "a-1", MESSAGE, { id: 7 }],
      ["$[3].expectedVersion", "stream.write", "a-1", MESSAGE, { expectedVersion: -2 }],
      ["$[3].expectedVersion", "stream.write", "a-1", MESSAGE, { expectedVersion: 1.5 }],
      ["$[3].expectedVersion", "stream.write", "a-1", MESSAGE, { expectedVersion: "1" }],
      ["$[3].expectedVersion", "stream.write", "a-1", MESSAGE, { expectedVersion: true }],
      ["$[1]", "stream.get", null],
      ["$[1]", "stream.get", ["a-1"]],
      ["$[2]", "stream.get", "a-1", 7],
      ["$[2].position", "stream.get", "a-1", { position: "0" }],
      ["$[2].globalPosition", "stream.get", "a-1", { globalPosition: {} }],
      ["$[2].batchSize", "stream.get", "a-1", { batchSize: "10" }],
      ["$[2].batchSize", "stream.get", "a-1", { batchSize: 2.5 }],
      ["$[2].direction", "stream.get", "a-1", { direction: "up" }],
      ["$[2].type", "stream.get", "a-1", { type: 7 }],
      ["$[1]", "stream.last", {}],
      ["$[2].type", "stream.last", "a-1", { type: [] }],
      ["$[1]", "stream.version", 1],
      ["$[1]", "category.get", 7],
      ["$[2].position", "category.get", "a", { position: [] }],
      ["$[2].correlation", "category.get", "a", { correlation: 7 }],
      ["$[2].consumerGroup", "category.get", "a", { consumerGroup: 7 }],
      ["$[2].consumerGroup.member", "category.get", "a", { consumerGroup: { member: "0", size: 2 } }],
      ["$[2].metadata.correlationStreamName", "stream.write", "a-1",
        { ...MESSAGE, metadata: { correlationStreamName: "x".repeat(501) } }],
      ["$[1]", "ns.info", 7],
      ["$[1]", "ns.delete", {}],
    ];
    for (const [path, method, ...args] of rows) {
      const error = await errorOf(client.request(method, ...args));
      const call = JSON.stringify([method, ...args]).slice(0, 100);
      expect([call, error.code, error.status]).toEqual([call, "INVALID_REQUEST", 400]);
      expect([call, String(error.details["path"])]).toEqual([call, path]);
    }
    expect(await client.streamVersion("a-1")).toBeNull();
    expect(client.namespace).toBe(namespace.namespace);
  });
});

test.concurrent("INVALID_REQUEST: wrong types in the admin's methods", async () => {
  const admin = await adminClient();
  const id = uniqueId();
  const rows: unknown[][] = [
    ["ns.create"], ["ns.create", 7], ["ns.create", id, "text"], ["ns.create", id, { token: 7 }],
    ["ns.create", id, { description: 7 }], ["ns.create", id, { metadata: [] }],
    ["ns.list", 7], ["ns.list", { limit: "1" }], ["ns.list", { limit: -1 }],
    ["ns.list", { offset: -1 }], ["ns.list", { offset: "0" }],
  ];
  for (const [method, ...args] of rows) {
    const error = await errorOf(admin.request(String(method), ...args));
    expect([method, args, error.code]).toEqual([method, args, "INVALID_REQUEST"]);
  }
  expect((await errorOf(admin.namespaceInfo(id))).code).toBe("NAMESPACE_NOT_FOUND");
});

test.concurrent("trailing optional arguments may be null", async () => {
  await inNamespace(async (client) => {
    expect(await client.request("stream.write", "a-1", MESSAGE, null)).toMatchObject({ position: 0 });
    const nulls = { id: null, expectedVersion: null };
    expect(await client.request("stream.write", "a-1", MESSAGE, nulls)).toMatchObject({ position: 1 });
    expect(await client.request("stream.get", "a-1", null)).toHaveLength(2);
    expect(await client.request("category.get", "a", { consumerGroup: null, batchSize: null }))
      .toHaveLength(2);
    expect(await client.request("stream.last", "a-1", null)).toHaveLength(7);
  });
});

test.concurrent("the request's content type is not examined", async () => {
  await inNamespace(async (_client, { server, namespace }) => {
    const types = ["text/plain", "application/x-www-form-urlencoded", "nonsense"];
    for (const type of types) {
      const headers = { ...bearer(namespace.token), "content-type": type };
      expect((await rawRpc(server.url, '["stream.version","a-1"]', headers)).status).toBe(200);
    }
  });
});

test.concurrent("AUTH_REQUIRED: no token where one is needed", async () => {
  const { url } = await sharedServer("file");
  const error = await errorOf(new MessageDBClient(url).streamVersion("account-1"));
  expect([error.code, error.status]).toEqual(["AUTH_REQUIRED", 401]);
  const subscription = await fetch(`${url}/subscribe?all=true`);
  expect(subscription.status).toBe(401);
  expect(await subscription.json()).toMatchObject({ error: { code: "AUTH_REQUIRED" } });
  expect(await new MessageDBClient(url).category("a-1")).toBe("a");
  // The call itself is judged before the token.
  expect((await errorOf(new MessageDBClient(url).request("no.method"))).code).toBe("INVALID_REQUEST");
});

test.concurrent("AUTH_INVALID_TOKEN: not of the token's form", async () => {
  const { url } = await sharedServer();
  const digits = "0".repeat(64);
  const bad = [
    "nonsense", "ns_", `ns__${digits}`, `ns_YQ_${digits.slice(1)}`, `ns_YQ_${digits}0`,
    `ns_YQ==_${digits}`, `ns_YQ_${digits.replace("0", "g")}`, `NS_YQ_${digits}`, `ns_Li4_${digits}`,
  ];
  for (const token of bad) {
    const error = await errorOf(new MessageDBClient(url, { token }).streamVersion("a-1"));
    expect([token, error.code, error.status]).toEqual([token, "AUTH_INVALID_TOKEN", 401]);
  }
  for (const authorization of ["Basic dXNlcjpw", "Bearer"]) {
    const answer = await rawRpc(url, '["stream.version","a-1"]', { authorization });
    expect([authorization, answer.status]).toEqual([authorization, 401]);
  }
});

test.concurrent("AUTH_UNAUTHORIZED: well-formed, but not this server's", async () => {
  const { url } = await sharedServer("file");
  for (const token of [foreignToken(), makeToken("default")]) {
    const error = await errorOf(new MessageDBClient(url, { token }).streamVersion("a-1"));
    expect([error.code, error.status]).toEqual(["AUTH_UNAUTHORIZED", 403]);
  }
});

test.concurrent("NAMESPACE_NOT_FOUND and NAMESPACE_EXISTS are told to the admin", async () => {
  const admin = await adminClient();
  const missing = await errorOf(admin.namespaceInfo(uniqueId()));
  expect([missing.code, missing.status]).toEqual(["NAMESPACE_NOT_FOUND", 404]);
  const id = uniqueId();
  await admin.createNamespace(id);
  const taken = await errorOf(admin.createNamespace(id));
  expect([taken.code, taken.status]).toEqual(["NAMESPACE_EXISTS", 409]);
  await admin.deleteNamespace(id);
});

test.concurrent("STREAM_VERSION_CONFLICT and MESSAGE_ID_CONFLICT have details of their own", async () => {
  await inNamespace(async (client) => {
    const { id } = await client.streamWrite("a-1", MESSAGE);
    const version = await errorOf(client.streamWrite("a-1", MESSAGE, { expectedVersion: -1 }));
    expect([version.code, version.status]).toEqual(["STREAM_VERSION_CONFLICT", 409]);
    const conflict = await errorOf(client.streamWrite("a-2", MESSAGE, { id }));
    expect([conflict.code, conflict.status]).toEqual(["MESSAGE_ID_CONFLICT", 409]);
  });
});

test.concurrent("PAYLOAD_TOO_LARGE: a message over 1 MiB, a body over 16 MiB", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const data = "x".repeat(1_048_600);
    const message = await errorOf(client.streamWrite("a-1", { type: "T", data }));
    expect([message.code, message.status]).toEqual(["PAYLOAD_TOO_LARGE", 413]);
    expect(await client.streamVersion("a-1")).toBeNull();
    const body = `["util.category","${"x".repeat(17 * 1024 * 1024)}"]`;
    // The server may close while this is still being sent; what counts is that it says no.
    const answer = await rawRpc(server.url, body, bearer(namespace.token)).catch(() => null);
    if (answer !== null) expect([answer.status, codeOf(answer)]).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    const fits = { type: "T", data: "x".repeat(1_000_000) };
    expect((await client.streamWrite("a-1", fits)).position).toBe(0);
  });
});

test.concurrent("PAYLOAD_TOO_LARGE: a body's announced length is enough", async () => {
  const { port } = await sharedServer();
  const head = "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
  expect(await exchange(port, head)).toStartWith("HTTP/1.1 413 ");
});

test.concurrent("NOT_FOUND and METHOD_NOT_ALLOWED: paths and methods of HTTP", async () => {
  const { url } = await sharedServer();
  const missing = await fetch(`${url}/no/such/path`);
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({ error: { code: "NOT_FOUND" } });
  for (const [method, path, allowed] of [
    ["GET", "/rpc", "POST"], ["PUT", "/rpc", "POST"], ["POST", "/subscribe", "GET"],
    ["DELETE", "/health", "GET"],
  ] as const) {
    const answer = await fetch(url + path, { method });
    expect([method, path, answer.status]).toEqual([method, path, 405]);
    expect(answer.headers.get("allow")).toContain(allowed);
    expect(await answer.json()).toMatchObject({ error: { code: "METHOD_NOT_ALLOWED" } });
  }
});

test.concurrent("HEADERS_TOO_LARGE: headers without end", async () => {
  const { port, url } = await sharedServer();
  const head = `POST /rpc HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(300_000)}\r\n\r\n`;
  expect(await exchange(port, head)).toStartWith("HTTP/1.1 431 ");
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test.concurrent("every answer carries a request id: the caller's where it is sane", async () => {
  const { url } = await sharedServer();
  const own = await rawRpc(url, '["sys.version"]', { "x-request-id": "my-id_1.x" });
  expect(own.headers.get("x-request-id")).toBe("my-id_1.x");
  const ids = new Set<string | null>();
  for (const body of ['["sys.version"]', "nonsense"]) {
    ids.add((await rawRpc(url, body)).headers.get("x-request-id"));
    const odd = await rawRpc(url, body, { "x-request-id": "x".repeat(5_000) });
    ids.add(odd.headers.get("x-request-id"));
  }
  for (const path of ["/health", "/no/such/path"]) {
    ids.add((await fetch(url + path)).headers.get("x-request-id"));
  }
  expect(ids.size).toBe(6);
  expect(ids).not.toContain(null);
  expect([...ids].every((id) => (id?.length ?? 0) <= 200)).toBe(true);
});

test.concurrent("no token and no internals in an error or a log", async () => {
  await withServer({}, async (server) => {
    const client = new MessageDBClient(server.url, { token: server.adminToken });
    const secret = foreignToken();
    const thief = new MessageDBClient(server.url, { token: `${secret}x` });
    const errors = [
      await errorOf(thief.streamVersion("a-1")),
      await errorOf(client.request("stream.get", { $: "'; drop table messages; --" })),
      await errorOf(client.streamWrite("a-1", MESSAGE, { expectedVersion: 4 })),
    ];
    await fetch(`${server.url}/subscribe?all=true&stream=x&token=${server.adminToken}`);
    for (const { message } of errors) {
      expect(message).not.toMatch(/Traceback|File "|sqlite|select |insert |\.py\b|ns_[A-Za-z0-9]/i);
    }
    await server.stop();
    expect(server.stderr()).not.toContain(server.adminToken);
    expect(server.stderr()).not.toContain(secret);
    expect(server.stderr()).not.toContain("Traceback");
    expect(server.stdout()).not.toContain(server.adminToken);
  });
});
