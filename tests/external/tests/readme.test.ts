import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inNamespace, PROJECT, within } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const HOME = join(PROJECT, "tests/external");

test.concurrent("the program in README.md runs as it stands", async () => {
  const page = readFileSync(join(HOME, "README.md"), "utf8");
  const program = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  expect(program.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
  await inNamespace(async (_client, { server, namespace }) => {
    const folder = mkdtempSync(join(tmpdir(), "mdb-external-readme-"));
    try {
      const here = JSON.stringify(join(HOME, "lib/client.ts"));
      writeFileSync(join(folder, "main.ts"), program.replace('"./lib/client.ts"', here));
      const child = Bun.spawn([process.execPath, join(folder, "main.ts")], {
        env: { ...process.env, MESSAGEDB_URL: server.url, MESSAGEDB_TOKEN: namespace.token },
        stdout: "pipe",
        stderr: "pipe",
      });
      const output = Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      const [stdout, stderr, code] = await within("the program to end", output).finally(() =>
        child.kill("SIGKILL"),
      );
      expect([stderr, code]).toEqual(["", 0]);
      const lines = stdout.trimEnd().split("\n");
      expect(lines[0]).toBe("written at 0");
      expect(lines[1]).toStartWith("STREAM_VERSION_CONFLICT {");
      expect(stdout).toContain('owner: "Ada"');
      expect(lines.slice(-3)).toEqual(["account-1", "poke account-1 0", "poke account-2 0"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
