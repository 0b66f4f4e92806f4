//! The code scanner, against a disassembler and against instructions written out by hand.

mod oracle;
mod random;
