//! The compiler to x86-64.
//!
//! [`compile`] makes a [`Plan`]: from then on the length of the code is known. Who has memory for it
//! lets the plan [write](Plan::emit) it there, makes it executable, and puts the [`Code`] into the
//! program. What runs, and how, is as under the [interpreter](crate::interpreter), except that accesses are not
//! checked: only trusted or verified programs may be compiled. What is checked nonetheless: the
//! budget, the depth of calls, and what is called.
//!
//! | register of the program | processor | |
//! |---|---|---|
//! | 0 | `rax` | |
//! | 1 to 5 | `rdi`, `rsi`, `rdx`, `rcx`, `r8` | as C has arguments |
//! | 6 to 9 | `rbx`, `r13`, `r14`, `r15` | saved where a function writes them |
//! | 10 | `rbp` | the end of the frame on the program's own stack |
//! | | `r12` | the [`Run`](crate::run::Run) |
//! | | `r9`, `r10` | for one instruction |
//! | | `r11` | the budget, in programs that charge it |

mod alu;
mod branch;
mod call;
mod divide;
mod emit;
#[cfg(test)]
mod emit_tests;
mod entry;
mod facts;
mod frame;
mod generate;
#[cfg(feature = "host")]
pub mod host;
mod lookup;
mod memory;
mod plan;
mod stack;

pub use entry::{call_function, finish, run};
pub use plan::{Code, Error, Plan, compile};
