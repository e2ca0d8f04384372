// A file whose bytes are made when they are read.
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export const MP4_START = latin1("\0\0\0\x14ftypisom\0\0\x02\0isom\0\0\0\x08free");

/** A file of any size that has only its first bytes. */
export class FakeFile {
  readError: string | null = null;
  /** Less than `size` if the file was shortened and the browser still reads it. */
  sizeOnDisk = Infinity;
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
    if (this.readError !== null) throw new DOMException("no", this.readError);
    const bytes = new Uint8Array(Math.max(0, Math.min(end, this.sizeOnDisk) - start));
    for (let at = 0; start === 0 && at < Math.min(bytes.length, 4096); at += 1)
      bytes[at] = this.leading[at % this.leading.length] ?? 0;
    return bytes.buffer;
  }

  asFile(): File {
    return this as unknown as File; // the engine uses name, size and slice alone
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

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.file.read(this.start, this.end);
  }
}

export function sliceOf(blob: Blob): FakeSlice {
  return blob as unknown as FakeSlice; // every blob here comes from FakeFile.slice
}

/** Stands for the MD5 of a range, which the fake store compares. */
export function fakeMd5(start: number, end: number): string {
  return `${start.toString(16).padStart(16, "0")}${end.toString(16).padStart(16, "0")}`;
}
