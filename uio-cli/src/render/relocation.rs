//! Names of relocations.

use std::borrow::Cow;

/// Those of x86-64 (psABI 1.0, table 4.9), by number. Those of AArch64 have numbers above 256.
#[rustfmt::skip]
const X86_64: [&str; 43] = [
    "NONE", "64", "PC32", "GOT32", "PLT32", "COPY", "GLOB_DAT", "JUMP_SLOT", "RELATIVE", "GOTPCREL", "32", "32S", "16",
    "PC16", "8", "PC8", "DTPMOD64", "DTPOFF64", "TPOFF64", "TLSGD", "TLSLD", "DTPOFF32", "GOTTPOFF", "TPOFF32", "PC64",
    "GOTOFF64", "GOTPC32", "GOT64", "GOTPCREL64", "GOTPC64", "GOTPLT64", "PLTOFF64", "SIZE32", "SIZE64",
    "GOTPC32_TLSDESC", "TLSDESC_CALL", "TLSDESC", "IRELATIVE", "RELATIVE64", "PC32_BND", "PLT32_BND", "GOTPCRELX",
    "REX_GOTPCRELX",
];

/// What to call a relocation: by its name, or by its number if it has none.
pub fn name(kind: u32) -> Cow<'static, str> {
    let known = usize::try_from(kind).ok().and_then(|kind| X86_64.get(kind));
    match known {
        Some(name) => format!("R_X86_64_{name}").into(),
        None => format!("of type {kind}").into(),
    }
}

/// Why a relocation is not applied, and what to do, if that is known.
pub fn reason(kind: u32) -> &'static str {
    match kind {
        16..=23 | 34..=36 => ": there are no thread-local variables; make it a static one",
        5..=8 | 37 | 38 => ": it is one of linked executables; load the object file itself",
        _ => "; compile with `uio cc`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_numbers() {
        for (kind, expected) in [
            (0, "R_X86_64_NONE"),
            (5, "R_X86_64_COPY"),
            (23, "R_X86_64_TPOFF32"),
            (24, "R_X86_64_PC64"),
            (31, "R_X86_64_PLTOFF64"),
            (37, "R_X86_64_IRELATIVE"),
            (42, "R_X86_64_REX_GOTPCRELX"),
            (43, "of type 43"),
            (u32::MAX, "of type 4294967295"),
        ] {
            assert_eq!(name(kind), expected);
        }
        assert!(reason(23).contains("thread-local") && reason(5).contains("object file"));
        assert!(reason(37).contains("object file") && reason(99).contains("uio cc"));
    }
}
