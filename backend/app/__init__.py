"""Slipway: video upload straight to S3, with honest states and nothing orphaned."""
