//! Laid out; its owner writes it.
