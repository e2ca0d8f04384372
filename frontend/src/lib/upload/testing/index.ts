// Everything that the tests of the engine share.
export * from "./expectations";
export * from "./fake-api";
export * from "./fake-clock";
export * from "./fake-file";
export * from "./fake-hasher";
export * from "./fake-page";
export * from "./fake-store";
export * from "./policy";
export * from "./video";
export * from "./world";
