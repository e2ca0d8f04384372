"""Tests of the built page, the app and the embedded store in Chromium with real videos."""
