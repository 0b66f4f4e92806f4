//! The linker against objects of real compilers, against `ld`, and against hostile bytes.

#[path = "linker/bounded.rs"]
mod bounded;
#[path = "linker/builder.rs"]
mod builder;
#[path = "linker/compile.rs"]
mod compile;
#[path = "linker/hostile.rs"]
mod hostile;
#[path = "linker/rules.rs"]
mod rules;
#[path = "linker/surroundings.rs"]
mod surroundings;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "linker/against_ld.rs"]
mod against_ld;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "linker/executed.rs"]
mod executed;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "linker/mapped.rs"]
mod mapped;
