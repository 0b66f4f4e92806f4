//! Finds instructions that could undo the isolation of programs.
