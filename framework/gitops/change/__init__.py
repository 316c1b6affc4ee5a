"""A change: classified, bounded, admitted or refused."""
