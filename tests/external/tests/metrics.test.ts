/** What a server counts, for Prometheus. */

import { expect, test } from "bun:test";
import { sharedServer } from "../lib/helpers.ts";

test.concurrent("metrics are served without a token", async () => {
  const { url } = await sharedServer();
  const metrics = await fetch(`${url}/metrics`);
  expect(metrics.status).toBe(200);
  expect(await metrics.text()).toMatch(/^# TYPE \w+ (?:counter|gauge|histogram)$/m);
});
