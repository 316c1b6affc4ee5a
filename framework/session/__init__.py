"""What soak, gate and live share: the play loop, live settings, timeline, status, run folder, judge."""
