//! The engine and the commands on fakes.

mod chaos;
mod commands;
mod files;
mod flow;
mod interrupt;
mod session;
mod size;
