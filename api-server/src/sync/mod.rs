//! The sync protocol: the feed of changes, pushes, discovery.
