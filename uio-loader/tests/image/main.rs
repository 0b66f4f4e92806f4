//! Images on the host: what loads, and what is refused.

mod load;
mod refuse;
mod sample;
