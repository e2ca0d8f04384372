// Unit tests run in Node: the engine names no browser global outside its transport and worker.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
    // Ends a hung test. A passing test never gets near it, however slow the machine.
    testTimeout: 900_000,
  },
});
