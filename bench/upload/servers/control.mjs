// The measuring script talks to a server over its standard input and output, one JSON object a line: no port, and
// the server ends with the script.
import { createInterface } from "node:readline";

export function obey(commands) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const { command, ...rest } = JSON.parse(line);
    console.log(JSON.stringify(commands[command](rest) ?? {}));
  });
  lines.on("close", () => process.exit(0));
}
