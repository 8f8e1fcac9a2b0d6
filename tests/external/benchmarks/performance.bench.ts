/**
 * MDB003_4A through this runtime's `fetch`: `bun benchmarks/performance.bench.ts [--write FILE]`.
 *
 * Everything is measured once in every round, so that a noisy moment hits all of it alike, and the
 * median of the rounds counts. The result goes to FILE (default: benchmarks/results.json), which
 * compare.ts holds against baseline.json.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { MessageDBClient } from "../lib/client.ts";
import { withServer } from "../lib/helpers.ts";
import {
  inTurns, type Measured, median, type Paired, percentile, rate, type Report,
} from "./measure.ts";

const ROUNDS = 5;
const WARM_UP = 300;

interface Round {
  /** The figure in the bench's unit. */
  readonly value: number;
  readonly relative: number;
}

interface Bench {
  readonly name: string;
  readonly unit: Measured["unit"];
  readonly target: number;
  readonly round: (client: MessageDBClient, round: number) => Promise<Round>;
  readonly rounds: Round[];
}

const benches: Bench[] = [];

function bench(name: string, unit: Measured["unit"], target: number, round: Bench["round"]): void {
  benches.push({ name, unit, target, round, rounds: [] });
}

const MESSAGE = { type: "Deposited", data: { amount: 12.5, currency: "EUR", note: "x".repeat(100) } };

const p95 = ({ taken, relative }: Paired): Round => ({ value: percentile(taken, 0.95), relative });

bench("MDB003_4A_T1 stream write, p95", "ms", 10, async (client, round) =>
  p95(
    await inTurns(300, () => client.systemVersion(), (n) =>
      client.streamWrite(`write${round}-${n % 50}`, MESSAGE),
    ),
  ),
);

bench("MDB003_4A_T2 stream read of 100 messages, p95", "ms", 20, async (client) =>
  p95(
    await inTurns(200, () => client.systemVersion(), () =>
      client.streamGet("read-0", { batchSize: 100 }),
    ),
  ),
);

bench("MDB003_4A_T3 category read of 100 messages, p95", "ms", 30, async (client) =>
  p95(
    await inTurns(200, () => client.systemVersion(), () =>
      client.categoryGet("read", { batchSize: 100 }),
    ),
  ),
);

bench("MDB003_4A_T4 poke, from sending the write to its poke, median", "ms", 5, async (client, round) => {
  const subscription = await client.subscribe({ category: `poke${round}` });
  try {
    const { taken, relative } = await inTurns(200, () => client.systemVersion(), async (n) => {
      const written = client.streamWrite(`poke${round}-${n % 10}`, MESSAGE);
      await subscription.next();
      await written;
    });
    return { value: median(taken), relative };
  } finally {
    subscription.close();
  }
});

bench("MDB003_4A_T5 writes, 32 at a time", "/s", 1_000, async (client, round) => {
  const plain: number[] = [];
  const writes: number[] = [];
  for (let part = 0; part < 4; part += 1) {
    const write = (n: number) => client.streamWrite(`many${round}-${n % 100}`, MESSAGE);
    writes.push(await rate(500, 32, write));
    plain.push(await rate(500, 32, () => client.systemVersion()));
  }
  return { value: median(writes), relative: Math.max(...plain) / Math.max(...writes) };
});

async function measure(): Promise<Report> {
  return withServer({}, async (server) => {
    const client = new MessageDBClient(server.url, { token: server.adminToken });
    for (let n = 0; n < WARM_UP; n += 1) await client.streamWrite(`read-${n % 3}`, MESSAGE);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const one of benches) one.rounds.push(await one.round(client, round));
    }
    const results = benches.map(({ name, unit, target, rounds }): Measured => {
      const values = rounds.map((r) => r.value);
      return {
        name,
        unit,
        value: rounded(median(values)),
        range: [rounded(Math.min(...values)), rounded(Math.max(...values))],
        relative: rounded(median(rounds.map((r) => r.relative))),
        target,
      };
    });
    return { storage: server.storage, rounds: ROUNDS, results };
  });
}

const rounded = (value: number): number => Number(value.toPrecision(4));

const given = process.argv.indexOf("--write");
const file = given > 0 ? process.argv[given + 1] : join(import.meta.dir, "results.json");
if (file === undefined) throw new Error("--write needs a file");
const report = await measure();
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
console.log(`${report.storage}, median of ${report.rounds} rounds`);
for (const { name, value, unit, range, relative, target } of report.results) {
  const limit = `${unit === "ms" ? "<" : ">"} ${target}`;
  console.log(
    `${name}: ${value} ${unit} (${range.join(" to ")}), ${relative} plain calls; target ${limit}`,
  );
}
