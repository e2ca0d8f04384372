// Computes the MD5 of a slice from one stream through one small buffer, so that memory stays flat at any file size.
import type { PartHash } from "../ports";

const BUFFER_BYTES = 256 * 1024;
/** Chromium may leave a read pending for ever. After this long, a new stream reads the rest of the slice. */
const READ_LIMIT_MS = 5_000;
/** A disk may need 10 s to start. All of this takes half of the time that the page waits for a worker. */
const MAX_LATE_READS = 6;

export interface IncrementalHash {
  init(): unknown;
  update(data: Uint8Array): unknown;
  digest(): string;
}

/** What one slice at a time uses. All slices share few buffers, because the garbage collector frees them late. */
interface Lane {
  readonly hash: IncrementalHash;
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

/** Returns a function that hashes one slice after another. A slice whose read is late lets the next one go ahead. */
export function createSliceHasher(createHash: () => Promise<IncrementalHash>) {
  const createLane = async (): Promise<Lane> => ({ hash: await createHash(), buffer: new ArrayBuffer(0) });
  const idle = [createLane()];
  let turn: Promise<void> = Promise.resolve();

  async function run(slice: Blob, keepsBytes: boolean, next: () => void): Promise<PartHash> {
    try {
      const lane = await (idle.pop() ?? createLane());
      const hash = await hashSlice(slice, keepsBytes, lane, next);
      idle.push(Promise.resolve(lane));
      return hash;
    } catch {
      return { kind: "unavailable" };
    } finally {
      next();
    }
  }

  return (slice: Blob, keepsBytes = false) =>
    new Promise<PartHash>((resolve) => {
      turn = turn.then(() => new Promise((next) => resolve(run(slice, keepsBytes, next))));
    });
}

async function hashSlice(
  slice: Blob,
  keepsBytes: boolean,
  lane: Lane,
  onLate: () => void,
): Promise<PartHash> {
  const { hash } = lane;
  const kept = keepsBytes ? new Uint8Array(slice.size) : null;
  hash.init();
  let source = open(slice, lane);
  try {
    for (let done = 0, late = 0; done < slice.size; ) {
      const bytes = await inTime(source);
      if (bytes === "failed") return { kind: "unreadable" };
      if (bytes === "late") {
        onLate();
        late += 1;
        if (late === MAX_LATE_READS) return { kind: "late" };
        close(source);
        source = open(slice.slice(done), lane);
      } else {
        hash.update(bytes);
        kept?.set(bytes, done);
        done += bytes.length;
        source.giveBack(bytes);
      }
    }
    return { kind: "md5", hex: hash.digest(), ...(kept && { bytes: kept }) };
  } finally {
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
async function inTime(source: Source): Promise<Bytes | "late" | "failed"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<"late">((resolve) => {
    timer = setTimeout(resolve, READ_LIMIT_MS, "late");
  });
  const bytes = source.read().then(
    ({ done, value }) => (done ? "failed" : value),
    () => "failed" as const,
  );
  reading.add(source);
  const first = await Promise.race([bytes, limit]);
  reading.delete(source);
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
