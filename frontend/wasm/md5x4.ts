// MD5 (RFC 1321) of four messages at once, each in one 32-bit lane of a vector. AssemblyScript, compiled by `make wasm`.

const SINES = memory.data<u32>([
  0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
  0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
  0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
  0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
  0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
  0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
  0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
  0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
]);
/** The state as four vectors. */
export const state = memory.data(64, 16);
/** One block of each message as sixteen vectors. */
const words = memory.data(256, 16);

/** Turns 16 bytes of four messages into four vectors with one word of each. */
@inline
function transpose(at: usize, at0: usize, at1: usize, at2: usize, at3: usize): void {
  const m0 = v128.load(at0 + at), m1 = v128.load(at1 + at), m2 = v128.load(at2 + at), m3 = v128.load(at3 + at);
  const low01 = v128.shuffle<i32>(m0, m1, 0, 4, 1, 5), high01 = v128.shuffle<i32>(m0, m1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(m2, m3, 0, 4, 1, 5), high23 = v128.shuffle<i32>(m2, m3, 2, 6, 3, 7);
  const to = words + (at << 2);
  v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3), 48);
}

/** Step `at` of a round, which takes word (`factor` x `at` + `first`) modulo 16. */
@inline
function step(round: i32, at: i32, a: v128, b: v128, c: v128, d: v128, factor: i32, first: i32, left: i32): v128 {
  const mixed = round == 0 ? v128.bitselect(c, d, b)
    : round == 1 ? v128.bitselect(b, c, d)
    : round == 2 ? v128.xor(v128.xor(b, c), d)
    : v128.xor(c, v128.or(b, v128.not(d)));
  const word = v128.load(words + (((at * factor + first) & 15) << 4));
  const sine = v128.load32_splat(SINES + ((round * 16 + at) << 2));
  const sum = i32x4.add(i32x4.add(i32x4.add(word, sine), a), mixed);
  return i32x4.add(b, v128.or(i32x4.shl(sum, left), i32x4.shr_u(sum, 32 - left)));
}

/** Adds `blocks` blocks from each address. A message whose bit of `mask` is 0 keeps its state. */
export function update(blocks: i32, at0: usize, at1: usize, at2: usize, at3: usize, mask: i32): void {
  const a0 = v128.load(state), b0 = v128.load(state, 16), c0 = v128.load(state, 32), d0 = v128.load(state, 48);
  let a = a0, b = b0, c = c0, d = d0;
  for (; blocks > 0; blocks--) {
    for (let at: usize = 0; at < 64; at += 16) transpose(at, at0, at1, at2, at3);
    at0 += 64; at1 += 64; at2 += 64; at3 += 64;
    const a1 = a, b1 = b, c1 = c, d1 = d;
    for (let i = 0; i < 16; i += 4) {
      a = step(0, i, a, b, c, d, 1, 0, 7);
      d = step(0, i + 1, d, a, b, c, 1, 0, 12);
      c = step(0, i + 2, c, d, a, b, 1, 0, 17);
      b = step(0, i + 3, b, c, d, a, 1, 0, 22);
    }
    for (let i = 0; i < 16; i += 4) {
      a = step(1, i, a, b, c, d, 5, 1, 5);
      d = step(1, i + 1, d, a, b, c, 5, 1, 9);
      c = step(1, i + 2, c, d, a, b, 5, 1, 14);
      b = step(1, i + 3, b, c, d, a, 5, 1, 20);
    }
    for (let i = 0; i < 16; i += 4) {
      a = step(2, i, a, b, c, d, 3, 5, 4);
      d = step(2, i + 1, d, a, b, c, 3, 5, 11);
      c = step(2, i + 2, c, d, a, b, 3, 5, 16);
      b = step(2, i + 3, b, c, d, a, 3, 5, 23);
    }
    for (let i = 0; i < 16; i += 4) {
      a = step(3, i, a, b, c, d, 7, 0, 6);
      d = step(3, i + 1, d, a, b, c, 7, 0, 10);
      c = step(3, i + 2, c, d, a, b, 7, 0, 15);
      b = step(3, i + 3, b, c, d, a, 7, 0, 21);
    }
    a = i32x4.add(a, a1); b = i32x4.add(b, b1); c = i32x4.add(c, c1); d = i32x4.add(d, d1);
  }
  const chosen = i32x4(-(mask & 1), -((mask >> 1) & 1), -((mask >> 2) & 1), -((mask >> 3) & 1));
  v128.store(state, v128.bitselect(a, a0, chosen));
  v128.store(state, v128.bitselect(b, b0, chosen), 16);
  v128.store(state, v128.bitselect(c, c0, chosen), 32);
  v128.store(state, v128.bitselect(d, d0, chosen), 48);
}
