//! The engine on fakes.

mod first;
