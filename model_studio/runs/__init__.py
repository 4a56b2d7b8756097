"""What happens to a request: from the ledger to pictures, `info` and budget."""
