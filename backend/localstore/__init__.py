"""The embedded S3 store, OpenStack Swift with s3api in one process, and patches of Swift."""
