"""Slipway, video upload from the browser straight to S3."""
