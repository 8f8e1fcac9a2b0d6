import { expect } from "bun:test";
import { MessageDBClient } from "../lib/client.ts";
import { errorOf, foreignToken, rawRpc, sharedServer } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

async function anyone(): Promise<MessageDBClient> {
  return new MessageDBClient((await sharedServer()).url);
}

test.concurrent("names are taken apart as Message DB takes them apart", async () => {
  const client = await anyone();
  const rows = [
    ["account-123", "account", "123", "123", false],
    ["account-123+456", "account", "123+456", "123", false],
    ["account:command-1", "account:command", "1", "1", false],
    ["account", "account", null, null, true],
    ["account-", "account", "", "", false],
    ["a-b-c+d", "a", "b-c+d", "b-c", false],
  ] as const;
  for (const [name, category, id, cardinalId, isCategory] of rows) {
    expect(await client.category(name)).toBe(category);
    expect(await client.id(name)).toBe(id);
    expect(await client.cardinalId(name)).toBe(cardinalId);
    expect(await client.isCategory(name)).toBe(isCategory);
  }
});

test.concurrent("hash64 arrives with all of its digits", async () => {
  const client = await anyone();
  expect(await client.hash64("account-123")).toBe(2828383952216582226n);
  expect(await client.hash64("")).toBe(-3162216497309240828n);
  const { url } = await sharedServer();
  expect((await rawRpc(url, '["util.hash64","account-123"]')).text.trim()).toBe("2828383952216582226");
});

test.concurrent("utilities and system calls need no token and ignore one", async () => {
  const { url } = await sharedServer();
  for (const token of [foreignToken(), "nonsense"]) {
    const client = new MessageDBClient(url, { token });
    expect(await client.category("a-1")).toBe("a");
    expect(await client.systemVersion()).toMatch(/^\d/);
    expect((await client.systemHealth()).status).toBe("ok");
  }
});

test.concurrent("utilities refuse what is no string", async () => {
  const client = await anyone();
  for (const method of ["category", "id", "cardinalId", "isCategory", "hash64"]) {
    for (const args of [[], [7], [null], [["a"]], [{}]]) {
      const error = await errorOf(client.request(`util.${method}`, ...args));
      expect([method, args, error.code]).toEqual([method, args, "INVALID_REQUEST"]);
    }
  }
});
