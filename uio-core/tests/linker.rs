//! The linker against objects of real compilers, against `ld`, and against hostile bytes.

#[path = "linker/bounded.rs"]
mod bounded;
#[path = "linker/builder.rs"]
mod builder;
#[path = "linker/compile.rs"]
mod compile;
#[cfg(target_arch = "x86_64")]
#[path = "linker/corpus.rs"]
mod corpus;
#[path = "linker/forbidden.rs"]
mod forbidden;
#[cfg(target_arch = "x86_64")]
#[path = "../fuzz/src/generate.rs"]
mod generate;
#[path = "linker/hostile.rs"]
mod hostile;
#[cfg(target_arch = "x86_64")]
#[path = "../fuzz/src/properties.rs"]
mod properties;
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
#[path = "linker/ld.rs"]
mod ld;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[path = "linker/mapped.rs"]
mod mapped;
#[cfg(target_arch = "x86_64")]
#[path = "../fuzz/src/mirror.rs"]
mod mirror;
