"""Real S3 engines that tests start."""
