import { expect, it } from "vitest";
import { publicAddress, sitePath } from "./public-path";

it.each([
  ["", "/", "/"],
  ["", "/login", "/login"],
  ["/video", "/", "/video/"],
  ["/video", "/video?id=7", "/video/video?id=7"],
  ["/apps/video", "/login", "/apps/video/login"],
])("under %j the path %j has the address %j", (publicPath, path, address) => {
  expect(publicAddress(path, publicPath)).toBe(address);
  expect(sitePath(address, publicPath)).toBe(path);
});

it.each([
  ["/video", "/video", "/"],
  ["/video", "/videos", "/videos"],
  ["/video", "/login", "/login"],
])("under %j the address %j is the path %j", (publicPath, address, path) => {
  expect(sitePath(address, publicPath)).toBe(path);
});
