"""Programs that print ratios, taken side by side in one run. The page README.md explains them."""
