/** The client's own parts, and the client in the three places it is made for. */

import { expect } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import {
  calls, makeToken, MessageDBClient, MessageDBError, parseExact, parseNamespaceFromToken, stringify,
} from "../lib/client.ts";
import { inNamespace, PROJECT, within } from "../lib/helpers.ts";
import { SseDecoder, type SseItem } from "../lib/sse.ts";
import { test } from "../lib/testing.ts";

const CLIENT = join(PROJECT, "tests/external/lib/client.ts");

test("a token names its namespace", () => {
  for (const id of ["default", "a", "a.b_c-D", "x".repeat(200), "~~".replaceAll("~", "z_")]) {
    expect(parseNamespaceFromToken(makeToken(id))).toBe(id);
  }
  const digits = "a".repeat(64);
  expect(parseNamespaceFromToken(`ns_ZGVmYXVsdA_${digits}`)).toBe("default");
  const bad = ["", "default", `ns_ZGVmYXVsdA==_${digits}`, `ns_ZGVmYXVsdA_${digits}0`, `ns_A_${digits}`,
    `ns_ZGVmYXVsdB_${digits}`, `ns_LmE_${digits}`, `ns_ZGVmYXVsdA_${digits.toUpperCase()}`];
  for (const token of bad) expect(() => parseNamespaceFromToken(token)).toThrow(TypeError);
});

test("integers of any size go through JSON unharmed", () => {
  const text = '{"a":9007199254740993,"b":[-9223372036854775808,1,"12345678901234567890"],"c":1.5}';
  expect(parseExact(text)).toEqual({
    a: 9007199254740993n, b: [-9223372036854775808n, 1, "12345678901234567890"], c: 1.5,
  });
  expect(stringify(parseExact(text))).toBe(text);
  expect(parseExact('"\\"12345678901234567890"')).toBe('"12345678901234567890');
  expect(parseExact("9007199254740991")).toBe(9007199254740991);
  expect(stringify({ a: undefined, b: 1n })).toBe('{"b":1}');
  for (const bad of [NaN, { a: Infinity }, undefined, () => 1]) {
    expect(() => stringify(bad)).toThrow(TypeError);
  }
});

test("an event stream is decoded the same, however it is cut", () => {
  const text =
    "\uFEFFretry: 1000\n: ready\n\nid: 7\nevent: poke\ndata: {\"a\":\ndata: 1}\n\n" +
    ": keep-alive\r\n\r\nid: 9\r\n\r\ndata\rid:10\r\revent: gone\n\nunknown: x\nid: 11\ndata:  two\n\n";
  const whole: SseItem[] = [
    { kind: "retry", milliseconds: 1000 },
    { kind: "comment", text: "ready" },
    { kind: "event", event: "poke", data: '{"a":\n1}', id: "7" },
    { kind: "comment", text: "keep-alive" },
    { kind: "id", id: "9" },
    { kind: "event", event: "message", data: "", id: "10" },
    { kind: "event", event: "gone", data: "", id: "10" },
    { kind: "event", event: "message", data: " two", id: "11" },
  ];
  for (const size of [1, 2, 3, 7, text.length]) {
    const decoder = new SseDecoder();
    const items: SseItem[] = [];
    for (let at = 0; at < text.length; at += size) items.push(...decoder.push(text.slice(at, at + size)));
    expect(items).toEqual(whole);
  }
});

test("arguments left out are not sent", () => {
  expect(calls.streamGet("a-1").request).toEqual(["stream.get", "a-1"]);
  expect(calls.streamLast("a-1", { type: "T" }).request).toEqual(["stream.last", "a-1", { type: "T" }]);
  expect(calls.categories().request).toEqual(["ns.categories"]);
});

function fake(status: number, body: string, headers: Record<string, string> = {}): MessageDBClient {
  const fetch = async () => new Response(body, { status, headers });
  return new MessageDBClient("http://server.invalid", { fetch, token: makeToken("fake") });
}

test("an error carries what the server said about it", async () => {
  const body = '{"error":{"code":"OVERLOADED","message":"full","details":{"queue":9}}}';
  const headers = { "retry-after": "2", "x-request-id": "r-1" };
  const error = await fake(503, body, headers).streamVersion("a-1").catch((e: unknown) => e);
  expect(error).toBeInstanceOf(MessageDBError);
  expect(error).toMatchObject({
    code: "OVERLOADED", message: "full", status: 503, details: { queue: 9 }, retryAfter: 2,
    requestId: "r-1",
  });
});

test("a page that is not the server's is told apart from its errors", async () => {
  for (const [status, body] of [[502, "<html>bad gateway</html>"], [200, "<html>login</html>"],
    [500, '{"error":"text"}']] as const) {
    const error = await fake(status, body).streamVersion("a-1").catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "UNEXPECTED_RESPONSE", status });
  }
});

test("what a newer server adds does not disturb", async () => {
  const row = '["id","T",0,1,{},null,"2026-01-15T10:30:00.123Z","more",{"x":1}]';
  expect(await fake(200, `[${row}]`).streamGet("a-1")).toEqual([
    {
      id: "id", type: "T", position: 0, globalPosition: 1, data: {}, metadata: null,
      time: "2026-01-15T10:30:00.123Z",
    },
  ]);
});

test("a call that gets no answer ends at its time limit, or when it is told to", async () => {
  const fetch = (_url: string, init?: RequestInit) =>
    new Promise<Response>((_resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  const client = new MessageDBClient("http://server.invalid", { fetch, timeoutMs: 30 });
  const late = await client.systemVersion().catch((e: Error) => e);
  expect(late).toMatchObject({ name: "ConnectionError" });
  const patient = new MessageDBClient("http://server.invalid", { fetch });
  const abort = new AbortController();
  const call = patient.call(calls.systemVersion(), { signal: abort.signal }).catch((e: unknown) => e);
  abort.abort(new Error("changed my mind"));
  expect(await call).toMatchObject({ message: "changed my mind" });
});

// The program that Node and a browser's sandbox run: `lib` and `target` are filled in.
const PROGRAM = `
  const { MessageDBClient } = lib;
  const client = new MessageDBClient(target.url, { token: target.token, bigIntegers: true });
  const subscription = await client.subscribe({ category: "account" });
  const written = await client.streamWrite("account-1", { type: "T", data: { n: 2n ** 60n } });
  const poke = (await subscription.next()).value;
  subscription.close();
  const [read] = await client.categoryGet("account");
  const conflict = await client
    .streamWrite("account-1", { type: "T", data: 0 }, { expectedVersion: 7 })
    .catch((error) => error.code);
  return JSON.stringify([
    poke.globalPosition === written.globalPosition, read.data.n === 2n ** 60n, conflict,
    String(await client.hash64("account-123")), client.namespace,
  ]);
`;

function outcome(namespace: string): unknown[] {
  return [true, true, "STREAM_VERSION_CONFLICT", "2828383952216582226", namespace];
}

async function bundle(target: "node" | "browser", format: "esm" | "iife"): Promise<string> {
  const built = await Bun.build({ entrypoints: [CLIENT], target, format: "esm" });
  const code = await (built.outputs[0] as Blob).text();
  if (format === "esm") return code;
  // As a classic script: the exports become one object.
  return code.replace(/export\s*\{([^}]*)\};?\s*$/, (_all, names: string) => `var lib = {${names}};`);
}

test.concurrent("the client works in Node", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    const folder = mkdtempSync(join(tmpdir(), "mdb-external-node-"));
    try {
      writeFileSync(join(folder, "client.mjs"), await bundle("node", "esm"));
      const target = JSON.stringify({ url: server.url, token: namespace.token });
      writeFileSync(
        join(folder, "main.mjs"),
        `import * as lib from "./client.mjs";
         const target = ${target};
         const main = async () => { ${PROGRAM} };
         process.stdout.write(await main());`,
      );
      expect(JSON.parse(await run("node", [join(folder, "main.mjs")]))).toEqual(
        outcome(client.namespace as string),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test.concurrent("the client works with nothing but what a browser has", async () => {
  const code = await bundle("browser", "iife");
  expect(code).not.toMatch(/\brequire\(|\bprocess\.|\bBun\.|from "node:|\bBuffer\b/);
  await inNamespace(async (client, { server, namespace }) => {
    const sandbox = createContext({
      fetch, Response, Headers, Request, AbortController, AbortSignal, TextDecoder, TextEncoder,
      URL, URLSearchParams, setTimeout, clearTimeout, crypto, atob, btoa, console,
      target: { url: server.url, token: namespace.token },
    });
    const text = runInContext(`${code}; (async () => { ${PROGRAM} })()`, sandbox) as Promise<string>;
    const result = await within("the program in the sandbox", text);
    expect(JSON.parse(result)).toEqual(outcome(client.namespace as string));
  });
});

/** Run a program to its end; its standard output. */
function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${program} ended with ${code}: ${errors}`)),
    );
  });
  return within(`${program} to end`, ended).finally(() => child.kill("SIGKILL"));
}
