import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { MessageDBClient } from "../lib/client.ts";
import {
  errorOf, inNamespace, sharedServer, startTestServer, stillRunning, until, unusedPort,
  waitForHealthy, withServer,
} from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

test.concurrent("MDB003_1A_T1 the client can make RPC requests", async () => {
  const { url } = await sharedServer();
  const client = new MessageDBClient(url);
  expect(await client.systemVersion()).toMatch(/^\d+\.\d+\.\d+/);
  const health = await client.systemHealth();
  expect(health.status).toBe("ok");
  expect(health.backend).toBe((await sharedServer()).storage === "postgres" ? "postgres" : "sqlite");
  expect(health.connections).toBeGreaterThanOrEqual(1);
});

test.concurrent("MDB003_1A_T2 the client captures its token from the header", async () => {
  const { url } = await sharedServer("memory");
  const client = new MessageDBClient(url);
  expect(client.token).toBeNull();
  expect(client.namespace).toBeNull();
  await client.systemVersion();
  expect(client.token).toBeNull();
  await client.streamWrite("account-1", { type: "Opened", data: {} });
  expect(client.token).toMatch(/^ns_[A-Za-z0-9_-]+_[0-9a-f]{64}$/);
  expect((await client.namespaceInfo()).namespace).toBe(client.namespace as string);
});

test.concurrent("MDB003_1A_T2 first calls made at once by one client share one namespace", async () => {
  const { url } = await sharedServer("memory");
  const client = new MessageDBClient(url);
  const numbers = [...Array(10).keys()];
  await Promise.all(numbers.map((n) => client.streamWrite(`a-${n}`, { type: "T", data: n })));
  expect((await client.namespaceInfo()).messageCount).toBe(10);
});

test.concurrent("MDB003_1A_T3 the client sends its token in the Authorization header", async () => {
  const seen: (string | null)[] = [];
  const token = `ns_${btoa("mine").replaceAll("=", "")}_${"0".repeat(64)}`;
  const client = new MessageDBClient("http://server.invalid", {
    token,
    fetch: async (_url, init) => {
      seen.push(new Headers(init?.headers).get("authorization"));
      return new Response("null");
    },
  });
  await client.streamVersion("account-1");
  expect(seen).toEqual([`Bearer ${token}`]);
  // And the server goes by it: what one token wrote, the same token reads.
  await inNamespace(async (own, { server, namespace }) => {
    await own.streamWrite("account-1", { type: "Opened", data: {} });
    const again = new MessageDBClient(server.url, { token: namespace.token });
    expect(await again.streamVersion("account-1")).toBe(0);
  });
});

test.concurrent("MDB003_1A_T4 the client turns error responses into exceptions", async () => {
  await inNamespace(async (client) => {
    await client.streamWrite("account-1", { type: "Opened", data: {} });
    const error = await errorOf(
      client.streamWrite("account-1", { type: "T", data: 1 }, { expectedVersion: 5 }),
    );
    expect(error.name).toBe("MessageDBError");
    expect(error.code).toBe("STREAM_VERSION_CONFLICT");
    expect(error.status).toBe(409);
    expect(error.details).toEqual({ stream: "account-1", expected: 5, actual: 0 });
    expect(error.requestId).not.toBeNull();
    expect((await errorOf(client.request("stream.fly", "account-1"))).code).toBe("INVALID_REQUEST");
  });
});

test.concurrent("MDB003_1A_T5 startTestServer spawns the real command", async () => {
  await withServer({}, async (server) => {
    expect(stillRunning()).toContain(server.pid);
    expect(server.stdout()).toMatch(/^Listening on :\d+$/m);
    const answer = await fetch(`${server.url}/version`);
    expect(answer.status).toBe(200);
  });
});

test.concurrent("MDB003_1A_T5 a server that cannot start is reported with its own words", async () => {
  const failed = startTestServer({ args: ["--no-such-flag"] }).then(
    () => null,
    (error: Error) => error,
  );
  const error = await failed;
  expect(error?.message).toContain("the server did not start");
  expect(error?.message).toContain("no-such-flag");
});

test.concurrent("MDB003_1A_T6 waitForHealthy finds the server on the port it printed", async () => {
  const server = await sharedServer();
  expect(server.port).toBeGreaterThan(0);
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
  await waitForHealthy(server.url);
  expect(await (await fetch(`${server.url}/health`)).json()).toEqual({ status: "ok" });
  const ready = await fetch(`${server.url}/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({ status: "ready" });
});

test.concurrent("MDB003_1A_T6 waitForHealthy names what never came", async () => {
  const port = await unusedPort();
  const late = waitForHealthy(`http://127.0.0.1:${port}`, 200).then(
    () => null,
    (error: Error) => error,
  );
  expect((await late)?.message).toContain(`${port}/health`);
});

test.concurrent("MDB003_1A_T7 a stopped server leaves no process and no files behind", async () => {
  const server = await startTestServer();
  const { pid, dataDir, port } = server;
  expect(await server.stop()).toBe(0);
  expect(stillRunning()).not.toContain(pid);
  await until(`process ${pid} and its group to be gone`, () => !alive(-pid));
  if (dataDir !== null) expect(existsSync(dataDir)).toBe(false);
  const refused = fetch(`http://127.0.0.1:${port}/health`).then(
    () => false,
    () => true,
  );
  expect(await refused).toBe(true);
});

test.concurrent("MDB003_1A_T7 a killed server leaves no process behind", async () => {
  const server = await startTestServer();
  await server.kill();
  await until(`process ${server.pid} and its group to be gone`, () => !alive(-server.pid));
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
