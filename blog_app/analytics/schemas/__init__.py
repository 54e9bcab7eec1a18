"""What the API shows of analytics."""
