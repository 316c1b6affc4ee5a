"""Attribution of every basis point, per fill and per run."""
