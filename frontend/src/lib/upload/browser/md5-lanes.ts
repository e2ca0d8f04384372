// MD5 of up to four messages at once, each in one lane of a WebAssembly vector.
import { MD5X4_WASM } from "./md5x4-wasm";

const LANES = 4;
const LANE_BYTES = 256 * 1024;
const BLOCK_BYTES = 64;
const PAGE_BYTES = 64 * 1024;
/** The words of a new message's state (RFC 1321). */
const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/** What wasm/md5x4.ts exports. */
interface Code {
  readonly memory: WebAssembly.Memory;
  /** The address of the state. Word w of lane l is at index 4 w + l. */
  readonly state: WebAssembly.Global;
  update(blocks: number, at0: number, at1: number, at2: number, at3: number, mask: number): void;
}

interface Lane {
  /** Where its next blocks are. */
  at: number;
  blocks: number;
  /** The other lanes wait for its next blocks. */
  isAwaited: boolean;
  onHashed: () => void;
}

/** Each of the lanes hashes one message after another, in step with the others. Throws where vectors are missing. */
export async function createLanes() {
  const { instance } = await WebAssembly.instantiate(
    Uint8Array.from(atob(MD5X4_WASM), (letter) => letter.charCodeAt(0)),
  );
  const code = instance.exports as unknown as Code;
  const pages = Math.ceil((LANES * (LANE_BYTES + BLOCK_BYTES)) / PAGE_BYTES);
  const start = code.memory.grow(pages) * PAGE_BYTES;
  const lanes: Lane[] = Array.from({ length: LANES }, () => ({
    at: start,
    blocks: 0,
    isAwaited: false,
    onHashed: () => undefined,
  }));

  /** Hashes as many blocks as each lane has, unless one is awaited. */
  function step(): void {
    const ready = lanes.filter((lane) => lane.blocks > 0);
    if (ready.length === 0 || lanes.some((lane) => lane.isAwaited)) return;
    const blocks = Math.min(...ready.map((lane) => lane.blocks));
    const [at0, at1, at2, at3] = lanes.map((lane) => lane.at) as [number, number, number, number];
    const mask = lanes.reduce((bits, lane, index) => bits | (Number(lane.blocks > 0) << index), 0);
    code.update(blocks, at0, at1, at2, at3, mask);
    for (const lane of ready) {
      lane.at += blocks * BLOCK_BYTES;
      lane.blocks -= blocks;
      lane.isAwaited = lane.blocks === 0;
      if (lane.isAwaited) lane.onHashed();
    }
  }

  return lanes.map((lane, index) =>
    createLane(code, lane, index, start + index * (LANE_BYTES + BLOCK_BYTES), step),
  );
}

function createLane({ memory, state }: Code, lane: Lane, index: number, start: number, step: () => void) {
  const bytes = new Uint8Array(memory.buffer);
  const words = new Uint32Array(memory.buffer, state.value, INITIAL.length * LANES);
  let length = 0;

  function begin(): void {
    length = 0;
    lane.isAwaited = true;
    for (const [at, word] of INITIAL.entries()) words[at * LANES + index] = word;
  }

  /** Resolves when the whole blocks of `chunk` are hashed. */
  async function add(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; from += LANE_BYTES) {
      const piece = chunk.subarray(from, from + LANE_BYTES);
      const rest = length % BLOCK_BYTES;
      bytes.set(piece, start + rest);
      length += piece.length;
      const blocks = Math.floor((rest + piece.length) / BLOCK_BYTES);
      if (blocks === 0) return;
      await new Promise<void>((onHashed) => {
        Object.assign(lane, { at: start, blocks, isAwaited: false, onHashed });
        step();
      });
      bytes.copyWithin(start, lane.at, lane.at + BLOCK_BYTES);
    }
  }

  /** The others no longer wait for this lane, until it has bytes again. */
  function leave(): void {
    lane.isAwaited = false;
    step();
  }

  async function digest(): Promise<string> {
    const padding = new DataView(new ArrayBuffer(2 * BLOCK_BYTES));
    const size = BLOCK_BYTES - ((length + 8) % BLOCK_BYTES);
    padding.setUint8(0, 0x80);
    padding.setBigUint64(size, BigInt(length) * 8n, true);
    await add(new Uint8Array(padding.buffer, 0, size + 8));
    const hash = new DataView(new ArrayBuffer(16));
    for (const at of INITIAL.keys()) hash.setUint32(at * 4, words[at * LANES + index] ?? 0, true);
    return [...new Uint8Array(hash.buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  return { begin, add, leave, digest };
}

export type Md5Lane = ReturnType<typeof createLane>;
