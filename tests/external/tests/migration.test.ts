/**
 * Data that an earlier version wrote is brought up by this one, and read.
 *
 * A fixture of a released version never changes. Until a version is released, a changed first
 * migration wants its fixture captured anew: `bun fixtures/capture.ts`.
 */

import { expect } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Captured } from "../fixtures/capture.ts";
import { restoreDirectory } from "../fixtures/dump.ts";
import { MessageDBClient } from "../lib/client.ts";
import { PROJECT, withServer } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const FIXTURES = join(PROJECT, "tests/external/fixtures");
const CAPTURED = readdirSync(FIXTURES).filter((name) => /^data-.*\.json$/.test(name));

test("a data directory of some version is kept", () => {
  expect(CAPTURED.length).toBeGreaterThan(0);
});

for (const name of CAPTURED) {
  test.concurrent(`${name}: a data directory is brought up, read and written on`, async () => {
    const captured = JSON.parse(readFileSync(join(FIXTURES, name), "utf8")) as Captured;
    const dataDir = mkdtempSync(join(tmpdir(), "mdb-external-migration-"));
    const options = { storage: "file", dataDir, token: captured.adminToken } as const;
    try {
      restoreDirectory(dataDir, captured.files);
      // Twice: brought up by the first start, merely opened by the second.
      for (const start of [0, 1]) {
        await withServer(options, async ({ url }) => {
          for (const { token, info, messages } of captured.namespaces) {
            const client = new MessageDBClient(url, { token });
            const version = await client.streamVersion("account-0");
            expect(version).toBe(4 + start);
            for (const category of ["order", "plain"]) {
              expect(await client.categoryGet(category)).toEqual(
                messages.filter((m) => m.streamName.split("-")[0] === category),
              );
            }
            const account = await client.categoryGet("account");
            expect(account.slice(0, 30)).toEqual(messages.slice(0, 30));
            const group = { member: 1, size: 2 };
            const ours = await client.categoryGet("account", { consumerGroup: group });
            expect(ours.length).toBeGreaterThan(0);
            expect(ours.length).toBeLessThan(account.length);
            const now = await client.namespaceInfo();
            const { incarnation, description, metadata, createdAt } = info;
            expect(now).toMatchObject({ incarnation, description, metadata, createdAt });
            const next = await client.streamWrite("account-0", { type: "T", data: "new" });
            expect(next.position).toBe(5 + start);
            expect(next.globalPosition).toBeGreaterThan(now.head);
          }
        });
      }
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
}
