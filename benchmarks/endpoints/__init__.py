"""What the gateway is measured against: the same answers, written by hand."""
