// UUIDs that also work on plain http in a LAN, where crypto.randomUUID does not exist.

/** A version 4 UUID (RFC 9562); getRandomValues, unlike randomUUID, needs no secure context. */
export function newUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let hex = "";
  bytes.forEach((byte, index) => {
    const versioned = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte;
    hex += versioned.toString(16).padStart(2, "0");
  });
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
