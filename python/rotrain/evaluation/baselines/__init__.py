"""Models without a network: what counting and a file compressor need for the same text. A model must need less to have learned more."""
