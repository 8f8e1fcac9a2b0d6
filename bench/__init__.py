"""What the server's speed is measured by: ratios of two things that are timed in turns."""
