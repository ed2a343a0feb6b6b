"""Physics engines as separate programs: each file runs alone, so that a crash or chatter of an engine stays outside."""
