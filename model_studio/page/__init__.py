"""What ComfyUI's page shows without a run: prices, and the ledger's records."""
