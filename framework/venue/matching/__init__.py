"""The simulated exchange: queues, fills, cancels and amends against a recorded market; pure, compiled."""
