/** The comparison with the baseline, on figures made up for it: nothing is timed here. */

import { expect } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Measured, Report } from "../benchmarks/measure.ts";
import { PROJECT } from "../lib/helpers.ts";
import { test } from "../lib/testing.ts";

const COMPARE = join(PROJECT, "tests/external/benchmarks/compare.ts");

function report(relative: number, storage = "memory"): Report {
  const write: Measured = { name: "write", unit: "ms", value: 3, range: [2, 4], relative, target: 10 };
  const read: Measured = { ...write, name: "read", value: 30, relative: 2 };
  return { storage, rounds: 5, results: [write, read] };
}

async function compare(
  baseline: Report,
  results: Report,
  ...options: string[]
): Promise<[code: number, output: string]> {
  const folder = mkdtempSync(join(tmpdir(), "mdb-external-compare-"));
  try {
    copyFileSync(COMPARE, join(folder, "compare.ts"));
    writeFileSync(join(folder, "baseline.json"), JSON.stringify(baseline));
    writeFileSync(join(folder, "results.json"), JSON.stringify(results));
    const child = Bun.spawn([process.execPath, join(folder, "compare.ts"), ...options], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, code] = await Promise.all([
      child.stdout.text(), child.stderr.text(), child.exited,
    ]);
    return [code, stdout + stderr];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test.concurrent("MDB003_4A_T6 a call that became slower by more than 20 % fails the comparison", async () => {
  const [within, shown] = await compare(report(1.5), report(1.75));
  expect([within, shown]).toEqual([0, expect.stringContaining("1.17 × baseline  write: 3 ms")]);
  const [beyond, told] = await compare(report(1.5), report(1.85));
  expect([beyond, told]).toEqual([1, expect.stringMatching(/^SLOWER\s+1\.23 × baseline {2}write/)]);
  expect(told).toContain("1 slower than the baseline by more than 20 %");
  const [wider] = await compare(report(1.5), report(1.85), "--tolerance", "0.3");
  expect(wider).toBe(0);
});

test.concurrent("a missed target fails where it is asked for, and other storage cannot be compared", async () => {
  const [code, shown] = await compare(report(1), report(1), "--targets");
  expect([code, shown]).toEqual([1, expect.stringContaining("read: 30 ms, misses its target of 10 ms")]);
  const [other, why] = await compare(report(1), report(1, "file"));
  expect([other, why]).toEqual([2, expect.stringContaining("measured on memory, the results on file")]);
});
