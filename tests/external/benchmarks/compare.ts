/**
 * MDB003_4A_T6: `bun benchmarks/compare.ts [--tolerance 0.2] [--targets]`.
 *
 * Compares results.json with baseline.json in multiples of a plain call, so that the machine's own
 * speed cancels out. Exit code 1 when something became slower by more than the tolerance, or, with
 * --targets, misses the scenario's figure on this machine; 2 when the files cannot be compared.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./measure.ts";

function load(name: string, how: string): Report {
  const file = join(import.meta.dir, name);
  if (!existsSync(file)) refuse(`${name} is missing: ${how}`);
  return JSON.parse(readFileSync(file, "utf8")) as Report;
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}

const option = process.argv.indexOf("--tolerance");
const tolerance = option > 0 ? Number(process.argv[option + 1]) : 0.2;
if (!(tolerance > 0)) refuse("--tolerance takes a number above 0");

const baseline = load("baseline.json", "npm run bench:baseline");
const current = load("results.json", "npm run bench");
if (baseline.storage !== current.storage) {
  refuse(`the baseline was measured on ${baseline.storage}, the results on ${current.storage}`);
}

let slower = 0;
let missed = 0;
for (const { name, relative, value, unit, target } of current.results) {
  const before = baseline.results.find((result) => result.name === name);
  if (before === undefined) refuse(`the baseline has no "${name}": npm run bench:baseline`);
  const ratio = relative / before.relative;
  const tooSlow = ratio > 1 + tolerance;
  const onTarget = unit === "ms" ? value < target : value > target;
  if (tooSlow) slower += 1;
  if (!onTarget) missed += 1;
  const verdict = tooSlow ? "SLOWER" : "ok";
  const note = onTarget ? "" : `, misses its target of ${target} ${unit}`;
  console.log(`${verdict.padEnd(7)}${ratio.toFixed(2)} × baseline  ${name}: ${value} ${unit}${note}`);
}
if (slower > 0) console.error(`${slower} slower than the baseline by more than ${tolerance * 100} %`);
const failed = slower > 0 || (process.argv.includes("--targets") && missed > 0);
process.exit(failed ? 1 : 0);
