import { expect } from "bun:test";
import { exactValue } from "../lib/exact.ts";
import { bearer, errorOf, inNamespace, rawRpc } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const VALUES = [
  "null", "true", "0", "-0", "1.50", "1e3", "1E-7", "9007199254740993", "-9223372036854775808",
  "12345678901234567890123", "0.1000000000000000055511151231257827", "1e400", "1e-400",
  `1${"0".repeat(999)}`, '""', '"\\u00e9\\ud83d\\ude00"', '"a\\/b\\u007f\\u0001\\t"', "[]", "{}",
  '{"":0}', '{"b":1,"a":{"z":[1,2,{"y":null}]}}', '{"a":1,"a":2}', '" leading and trailing "',
  '{"__proto__":1,"constructor":2}', '"\\"\\\\"', "[[[[]]]]", '"2020-01-01T00:00:00Z"', '"e\u0301"',
];

test.concurrent("every JSON value comes back equal, numbers to the last digit", async () => {
  await inNamespace(async (_client, { server, namespace }) => {
    for (const value of VALUES) {
      const auth = bearer(namespace.token);
      const request = `["stream.write","v-1",{"type":"T","data":${value},"metadata":{"m":${value}}}]`;
      const written = await rawRpc(server.url, request, auth);
      expect([value, written.status]).toEqual([value, 200]);
      const read = await rawRpc(server.url, '["stream.last","v-1"]', auth);
      const [, , , , data, metadata] = exactValue(read.text) as unknown[];
      expect([value, data]).toEqual([value, exactValue(value)]);
      expect([value, metadata]).toEqual([value, { m: exactValue(value) }]);
    }
  });
});

test.concurrent("integers beyond 2^53 survive the client when it is asked to keep them", async () => {
  const data = { small: 7, large: 9007199254740993n, list: [-12345678901234567890n] };
  await inNamespace(
    async (client) => {
      await client.streamWrite("account-1", { type: "T", data });
      expect((await client.streamLast("account-1"))?.data).toEqual(data);
      expect((await client.categoryGet("account"))[0]?.data).toEqual(data);
    },
    { bigIntegers: true },
  );
});

test.concurrent("a large message comes back whole", async () => {
  await inNamespace(async (client) => {
    const data = { text: "ä😀x".repeat(100_000) };
    await client.streamWrite("account-1", { type: "T", data });
    expect((await client.streamLast("account-1"))?.data).toEqual(data);
  });
});

test.concurrent("nesting of 256 is taken, 257 refused", async () => {
  await inNamespace(async (_client, { server, namespace }) => {
    const write = async (depth: number) => {
      const data = "[".repeat(depth) + "]".repeat(depth);
      const request = `["stream.write","v-1",{"type":"T","data":${data}}]`;
      return rawRpc(server.url, request, bearer(namespace.token));
    };
    expect((await write(250)).status).toBe(200);
    expect((await write(257)).status).toBe(400);
    expect((await write(100_000)).status).toBe(400);
  });
});

const REFUSED = [
  "NaN", "Infinity", "-Infinity", '"\\u0000"', '{"\\u0000":1}', '"\\ud800"', '"\\udc00\\ud800"',
  '{"\\udfff":1}', "1e1001", "-1e1001", "1e-1002", "1e999999999", `1${"0".repeat(1_000)}`, "01",
  "+1", ".5", "1.", "0x10", "'a'", '"\n"', '"\\x41"', "[1,]", '{"a":1,}', "{a:1}", "", "[1 2]",
  "// no\n1", "tru", '"unended', "[", "{", '{"a"}', "undefined",
];

test.concurrent("what is no JSON, or no JSON that every store can hold, is refused", async () => {
  await inNamespace(async (client, { server, namespace }) => {
    for (const value of REFUSED) {
      const request = `["stream.write","v-1",{"type":"T","data":${value}}]`;
      const answer = await rawRpc(server.url, request, bearer(namespace.token));
      expect([value.slice(0, 40), answer.status, answer.body]).toEqual([
        value.slice(0, 40), 400,
        { error: { code: "INVALID_REQUEST", message: expect.any(String), details: expect.any(Object) } },
      ]);
    }
    for (const bytes of [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]]) {
      const head = new TextEncoder().encode('["stream.write","v-1",{"type":"T","data":');
      const tail = new TextEncoder().encode("}]");
      const body = new Uint8Array([...head, ...bytes, ...tail]);
      expect((await rawRpc(server.url, body, bearer(namespace.token))).status).toBe(400);
    }
    expect(await client.streamVersion("v-1")).toBeNull();
  });
});

test.concurrent("metadata is an object or null", async () => {
  await inNamespace(async (client) => {
    for (const metadata of [[], "text", 7, true]) {
      const message = { type: "T", data: {}, metadata };
      const error = await errorOf(client.request("stream.write", "a-1", message));
      expect([error.code, error.status]).toEqual(["INVALID_REQUEST", 400]);
      expect(error.details["path"]).toBe("$[2].metadata");
    }
    expect(await client.streamVersion("a-1")).toBeNull();
  });
});
