"""quoteops: GitOps for market making and signal trading."""
