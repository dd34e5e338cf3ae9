//! Properties of every text.
