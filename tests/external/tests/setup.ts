/** Loaded before every run (bunfig.toml): whatever happens, the shared servers are stopped. */

import { afterAll } from "bun:test";
import { stopSharedServers } from "../lib/helpers.ts";

afterAll(stopSharedServers);
