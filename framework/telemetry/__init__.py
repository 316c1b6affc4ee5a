"""What a running process tells: a closed table of metrics, served on this machine, and alerts of one line."""
