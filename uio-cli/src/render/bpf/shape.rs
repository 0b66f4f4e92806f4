//! Which command answers with what.

/// What a command answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A list of programs or links, possibly an empty one.
    List,
    /// A list of maps.
    Maps,
    /// A map.
    Map,
    /// All entries of a map.
    Entries,
    /// One entry.
    Entry,
    /// One thing: a program, a run, the specification.
    One,
    /// What comes, one after the other, until it is interrupted.
    Stream,
    /// Nothing, but for failures.
    Nothing,
}

/// What the request `argv` answers with.
#[must_use]
pub fn shape(argv: &[Vec<u8>]) -> Shape {
    let word = |at: usize| argv.get(at).map_or(&b""[..], Vec::as_slice);
    let follows = argv.iter().any(|arg| arg == b"-f" || arg == b"--follow");
    match (word(0), word(1), word(2)) {
        (b"bpf", b"load" | b"list" | b"attach" | b"links", _) => Shape::List,
        (b"bpf", b"show" | b"run" | b"spec" | b"swap", _) => Shape::One,
        (b"bpf", b"map", b"list") => Shape::Maps,
        (b"bpf", b"map", b"show") => Shape::Map,
        (b"bpf", b"map", b"dump") => Shape::Entries,
        (b"bpf", b"map", b"get") => Shape::Entry,
        (b"bpf", b"ring" | b"log", _) if follows => Shape::Stream,
        (b"bpf", b"ring" | b"log", _) => Shape::Entries,
        _ => Shape::Nothing,
    }
}

impl Shape {
    /// Whether the answer is one JSON document by itself.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        matches!(self, Self::Map | Self::Entry | Self::One)
    }

    /// Whether the answer is a list, which may be empty.
    #[must_use]
    pub fn lists(self) -> bool {
        matches!(self, Self::List | Self::Maps | Self::Entries)
    }
}
