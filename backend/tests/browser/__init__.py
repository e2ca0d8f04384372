"""The whole of Slipway in a real Chromium: the built page, the app, the embedded store, real videos."""
