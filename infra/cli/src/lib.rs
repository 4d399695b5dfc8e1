//! The perennial command.
