/** What the tests share: one server for the run, a namespace for each test, small fixtures. */

import { connect, createServer } from "node:net";
import { type CreatedNamespace, makeToken, MessageDBClient, MessageDBError } from "./client.ts";
import { until } from "./deadline.ts";
import {
  chosenStorage, type ServerOptions, startTestServer, stillRunning, type Storage, type TestServer,
} from "./server.ts";

export * from "./deadline.ts";
export * from "./server.ts";

const shared = new Map<Storage, Promise<TestServer>>();

/** The server that tests share, started by the first that asks; memory is always test mode. */
export function sharedServer(storage: Storage = chosenStorage()): Promise<TestServer> {
  const server = shared.get(storage) ?? startTestServer({ storage });
  shared.set(storage, server);
  return server;
}

/** At the end of the run: stop them, and see that nothing else is left. */
export async function stopSharedServers(): Promise<void> {
  const started = await Promise.allSettled(shared.values());
  shared.clear();
  for (const server of started) if (server.status === "fulfilled") await server.value.stop();
  const left = stillRunning();
  if (left.length > 0) throw new Error(`processes left behind: ${left.join(", ")}`);
}

/** A server for one test alone: stopped at its end, whatever happens in it. */
export async function withServer<T>(
  options: ServerOptions,
  body: (server: TestServer) => Promise<T>,
): Promise<T> {
  const server = await startTestServer(options);
  const stop = async () => {
    if (stillRunning().includes(server.pid)) await server.stop();
  };
  let value: T;
  try {
    value = await body(server);
  } catch (error) {
    // What the test found out comes first, also where the server does not end in good order.
    const [stopped] = await Promise.allSettled([stop()]);
    if (stopped.status === "fulfilled") throw error;
    throw new AggregateError([error, stopped.reason], `${String(error)}; ${String(stopped.reason)}`);
  }
  await stop();
  return value;
}

export async function adminClient(): Promise<MessageDBClient> {
  const server = await sharedServer();
  return new MessageDBClient(server.url, { token: server.adminToken });
}

export function uniqueId(prefix = "test"): string {
  return `${prefix}-${crypto.randomUUID()}`;
}

export interface Sandbox {
  readonly server: TestServer;
  readonly client: MessageDBClient;
  readonly namespace: CreatedNamespace;
}

/** A fresh namespace of the shared server, and a client for it; it is deleted at the end. */
export async function inNamespace<T>(
  body: (client: MessageDBClient, sandbox: Sandbox) => Promise<T>,
  options: { readonly bigIntegers?: boolean } = {},
): Promise<T> {
  const server = await sharedServer();
  const admin = await adminClient();
  const namespace = await admin.createNamespace(uniqueId());
  const client = new MessageDBClient(server.url, { token: namespace.token, ...options });
  try {
    return await body(client, { server, client, namespace });
  } finally {
    try {
      await client.deleteNamespace();
    } catch (error) {
      // The test deleted it, or took its token away.
      if (!(error instanceof MessageDBError) || error.status !== 403) throw error;
    }
  }
}

/** The error that a promise is rejected with, which has to be the server's. */
export async function errorOf(promise: Promise<unknown>): Promise<MessageDBError> {
  try {
    const value = await promise;
    throw new Error(`expected an error of the server, got ${JSON.stringify(value)}`);
  } catch (error) {
    if (error instanceof MessageDBError) return error;
    throw error;
  }
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; undefined where it is not JSON. */
  readonly body: unknown;
}

/** `POST /rpc` with exactly this text or these bytes, for what no client would send. */
export async function rawRpc(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const response = await fetch(`${url}/rpc`, { method: "POST", body, headers });
  const text = await response.text();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  return { status: response.status, headers: response.headers, text, body: parsed };
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** A well-formed token that no server knows. */
export function foreignToken(namespace = uniqueId("never")): string {
  return makeToken(namespace);
}

/** Write `count` messages `{n: 0}`, `{n: 1}`, ... of type `Counted`, one after the other. */
export async function writeCounted(
  client: MessageDBClient,
  stream: string,
  count: number,
): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await client.streamWrite(stream, { type: "Counted", data: { n } });
  }
}

export function sortedBy<T>(items: readonly T[], key: (item: T) => number): T[] {
  return [...items].sort((a, b) => key(a) - key(b));
}

/** A port of this machine on which nothing listens. */
export function unusedPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" ? (address?.port ?? 0) : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Send bytes on a connection of its own and return what comes until the server closes it. */
export async function exchange(port: number, bytes: string): Promise<string> {
  let received = "";
  let closed = false;
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("utf8").on("data", (text: string) => (received += text));
  socket.on("error", () => (closed = true));
  socket.on("close", () => (closed = true));
  socket.write(bytes);
  try {
    return await until("an answer on a raw connection", () =>
      received.includes("\r\n\r\n") || closed ? received : null,
    );
  } finally {
    socket.destroy();
  }
}
