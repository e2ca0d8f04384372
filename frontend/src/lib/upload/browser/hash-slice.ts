// Computes the MD5 of a slice from one stream through one small buffer, so that memory stays flat at any file size.
import type { PartHash } from "../ports";
import type { Md5Lane } from "./md5-lanes";

const BUFFER_BYTES = 512 * 1024;
/** The other slices wait this long for the bytes of one. */
const LANE_WAIT_MS = 100;
/** Chromium may leave a read pending for ever. After this long, a new stream reads the rest of the slice. */
const READ_LIMIT_MS = 5_000;
/** A disk may need 10 s to start. All of this takes half of the time that the page waits for a worker. */
const MAX_LATE_READS = 6;

/** All slices share four buffers, because the garbage collector frees them late. */
interface Lane {
  readonly md5: Md5Lane;
  /** Empty while a read fills it. */
  buffer: ArrayBuffer;
}

type Bytes = Uint8Array<ArrayBuffer>;

interface Source {
  readonly slice: Blob;
  readonly reader: ReadableStreamGenericReader;
  read(): Promise<ReadableStreamReadResult<Bytes>>;
  giveBack(bytes: Bytes): void;
}

/** Returns a function that hashes up to four slices at once. The others wait for a free lane. */
export function createSliceHasher(lanes: Promise<readonly Md5Lane[]>) {
  const waiting: ((lane: Lane) => void)[] = [];
  const idle: Lane[] = [];
  const ready = lanes.then((all) => {
    for (const md5 of all) release({ md5, buffer: new ArrayBuffer(0) });
  });

  function release(lane: Lane): void {
    const next = waiting.shift();
    if (next === undefined) idle.push(lane);
    else next(lane);
  }

  return async (slice: Blob, keepsBytes = false): Promise<PartHash> => {
    try {
      await ready;
      const lane = idle.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)));
      return await hashSlice(slice, keepsBytes, lane).finally(() => release(lane));
    } catch {
      return { kind: "unavailable" };
    }
  };
}

async function hashSlice(slice: Blob, keepsBytes: boolean, lane: Lane): Promise<PartHash> {
  const { md5 } = lane;
  const kept = keepsBytes ? new Uint8Array(slice.size) : null;
  md5.begin();
  let source = open(slice, lane);
  try {
    for (let done = 0, late = 0; done < slice.size; ) {
      const bytes = await read(source, md5);
      if (bytes === "failed") return { kind: "unreadable" };
      if (bytes === "late") {
        late += 1;
        if (late === MAX_LATE_READS) return { kind: "late" };
        close(source);
        source = open(slice.slice(done), lane);
      } else {
        await md5.add(bytes);
        kept?.set(bytes, done);
        done += bytes.length;
        source.giveBack(bytes);
      }
    }
    return { kind: "md5", hex: await md5.digest(), ...(kept && { bytes: kept }) };
  } finally {
    md5.leave();
    close(source);
  }
}

function open(slice: Blob, lane: Lane): Source {
  const stream = slice.stream();
  try {
    const reader = stream.getReader({ mode: "byob" });
    return {
      slice,
      reader,
      read: () =>
        reader.read(new Uint8Array(lane.buffer.byteLength > 0 ? lane.buffer : new ArrayBuffer(BUFFER_BYTES))),
      giveBack: ({ buffer }) => {
        lane.buffer = buffer;
      },
    };
  } catch {
    // This browser fills no buffers of ours, but allocates each chunk.
    const reader = stream.getReader();
    return { slice, reader, read: () => reader.read(), giveBack: free };
  }
}

function close({ reader }: Source): void {
  reader.cancel().catch(() => undefined);
}

/** The sources that have a read pending. Were one garbage, Chromium would never end the read. */
const reading = new Set<Source>();

/** Returns `failed` if the file is gone, has changed, or ends early. */
async function read(source: Source, lane: Md5Lane): Promise<Bytes | "late" | "failed"> {
  const bytes = source.read().then(
    ({ done, value }) => (done ? "failed" : value),
    () => "failed" as const,
  );
  reading.add(source);
  let first = await orLate(LANE_WAIT_MS, bytes);
  if (first === "late") {
    lane.leave();
    first = await orLate(READ_LIMIT_MS, bytes);
  }
  reading.delete(source);
  return first;
}

async function orLate<T>(ms: number, promise: Promise<T>): Promise<T | "late"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, ms, "late");
  });
  const first = await Promise.race([promise, limit]);
  clearTimeout(timer);
  return first;
}

// Only the far port is closed. If the near port is closed, Chromium does not move the buffer.
const { port1: nearPort, port2: farPort } = new MessageChannel();
farPort.close();

/**
 * Moves the buffer to a closed port, which frees it immediately. If the garbage collector frees the chunks of 1 GiB,
 * Chromium 156 grows by 133 to 154 MiB, else by 13 to 16.
 */
function free({ buffer }: Bytes): void {
  nearPort.postMessage(null, [buffer]);
}
