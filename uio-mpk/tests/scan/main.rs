//! The code scanner, against a disassembler and against instructions written out by hand.

mod by_hand;
mod contract;
mod corpus;
mod objects;
mod oracle;
mod random;
