/** Loaded before every run (bunfig.toml): whatever happens, the shared server is stopped. */

import { afterAll } from "bun:test";
import { stopSharedServer } from "../lib/helpers.ts";

afterAll(stopSharedServer);
