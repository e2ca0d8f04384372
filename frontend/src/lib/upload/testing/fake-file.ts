// A file whose bytes are made when they are read.
import type { PartBody } from "../ports";

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export const MP4_START = latin1("\0\0\0\x14ftypisom\0\0\x02\0isom\0\0\0\x08free");

/** A file of any size that has only its first bytes. */
export class FakeFile {
  readError: string | null = null;
  /** How many reads fail before the file can be read again. */
  readErrors = Infinity;
  lastModified = 0;
  /** Less than `size` if the file was shortened and the browser still reads it. */
  sizeOnDisk = Infinity;
  /** Another content has another version. */
  version = 0;
  /** Every read waits for it. */
  disk: Promise<void> = Promise.resolve();
  readonly reads: (readonly [number, number])[] = [];

  constructor(
    readonly size: number,
    readonly name = "holiday.mp4",
    private readonly leading: Uint8Array = MP4_START,
  ) {}

  slice(start = 0, end = this.size): FakeSlice {
    return new FakeSlice(this, start, Math.min(end, this.size));
  }

  async read(start: number, end: number): Promise<ArrayBuffer> {
    this.reads.push([start, end]);
    await this.disk;
    if (this.readError !== null && this.readErrors > 0) {
      this.readErrors -= 1;
      throw new DOMException("no", this.readError);
    }
    const bytes = new Uint8Array(Math.max(0, Math.min(end, this.sizeOnDisk) - start));
    for (let at = 0; start === 0 && at < Math.min(bytes.length, 4096); at += 1)
      bytes[at] = this.leading[at % this.leading.length] ?? 0;
    md5s.set(bytes.buffer, { start, end, md5: fakeMd5(start, end, this.version) });
    return bytes.buffer;
  }

  asFile(): File {
    return this as unknown as File; // the engine uses name, size, lastModified and slice alone
  }
}

export class FakeSlice {
  constructor(
    private readonly file: FakeFile,
    readonly start: number,
    readonly end: number,
  ) {}

  get size(): number {
    return this.end - this.start;
  }

  get version(): number {
    return this.file.version;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.file.read(this.start, this.end);
  }
}

export function sliceOf(blob: Blob): FakeSlice {
  return blob as unknown as FakeSlice; // every blob here comes from FakeFile.slice
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly md5: string;
}

const md5s = new WeakMap<ArrayBuffer, Range>();

export function isFromFile({ buffer }: Uint8Array<ArrayBuffer>): boolean {
  return md5s.has(buffer);
}

/** The range of the file that a body contains. A slice contains what is on the disk now. */
export function rangeOf(body: PartBody): Range {
  if (!(body instanceof Uint8Array)) {
    const { start, end } = sliceOf(body);
    return { start, end, md5: md5Of(body) };
  }
  const range = md5s.get(body.buffer);
  if (range === undefined) throw new Error("these bytes were not read from the file");
  return range;
}

export function md5Of(slice: Blob): string {
  const { start, end, version } = sliceOf(slice);
  return fakeMd5(start, end, version);
}

/** Stands for the MD5 of a range, which the fake store compares. */
export function fakeMd5(start: number, end: number, version = 0): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return `${hex(version, 4)}${hex(start, 14)}${hex(end, 14)}`;
}
