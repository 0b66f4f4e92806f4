//! Reading and writing static libraries in the GNU variant of the `ar` format.

use object::read::archive::ArchiveFile;

use crate::{Error, Result};

const MAGIC: &[u8] = b"!<arch>\n";

/// One object file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its file name. Several members may share one.
    pub name: Vec<u8>,
    /// Its content.
    pub data: Vec<u8>,
    /// The global symbols it defines, for the archive's index.
    pub symbols: Vec<Vec<u8>>,
}

/// Takes an archive apart. Its symbol index is dropped and `symbols` left empty.
///
/// # Errors
/// [`Error::Object`] when it is not an archive, is truncated, or is a thin archive, which has no content.
pub fn read(file: &str, data: &[u8]) -> Result<Vec<Member>> {
    let wrong = |error: object::Error| Error::Object {
        file: file.into(),
        reason: error.to_string(),
    };
    let archive = ArchiveFile::parse(data).map_err(wrong)?;
    if archive.is_thin() {
        return Err(Error::Object {
            file: file.into(),
            reason: "it is a thin archive".into(),
        });
    }
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.map_err(wrong)?;
        let content = member.data(data).map_err(wrong)?.to_vec();
        members.push(Member {
            name: member.name().to_vec(),
            data: content,
            symbols: Vec::new(),
        });
    }
    Ok(members)
}

/// Puts an archive together: symbol index, long names, members, all with time, owner and mode fixed, so that equal
/// members give equal bytes.
///
/// # Errors
/// [`Error::Object`] when the archive would exceed the 4 GiB that its index can address.
pub fn write(members: &[Member]) -> Result<Vec<u8>> {
    let (names, long_names) = member_names(members);
    let count: usize = members.iter().map(|member| member.symbols.len()).sum();
    let index_size = 4
        + 4 * count
        + members
            .iter()
            .flat_map(|member| &member.symbols)
            .map(|symbol| symbol.len() + 1)
            .sum::<usize>();

    let mut offset = MAGIC.len() + entry_size(index_size);
    if !long_names.is_empty() {
        offset += entry_size(long_names.len());
    }
    let mut index = Vec::with_capacity(index_size);
    index.extend(word(count)?);
    for member in members {
        for _ in &member.symbols {
            index.extend(word(offset)?);
        }
        offset += entry_size(member.data.len());
    }
    for symbol in members.iter().flat_map(|member| &member.symbols) {
        index.extend(symbol);
        index.push(0);
    }

    let mut out = Vec::with_capacity(offset);
    out.extend(MAGIC);
    push_entry(&mut out, "/", &index);
    if !long_names.is_empty() {
        push_entry(&mut out, "//", &long_names);
    }
    for (member, name) in members.iter().zip(names) {
        push_entry(&mut out, &name, &member.data);
    }
    Ok(out)
}

/// The name field of each member, and the table of those that do not fit it.
fn member_names(members: &[Member]) -> (Vec<String>, Vec<u8>) {
    let mut long_names = Vec::new();
    let names = members
        .iter()
        .map(|member| match str::from_utf8(&member.name) {
            Ok(name) if name.len() < 16 && !name.contains('/') => format!("{name}/"),
            _ => {
                let at = long_names.len();
                long_names.extend(&member.name);
                long_names.extend(b"/\n");
                format!("/{at}")
            }
        });
    (names.collect(), long_names)
}

/// A big-endian word of the symbol index.
fn word(value: usize) -> Result<[u8; 4]> {
    let too_big = |_| Error::Object {
        file: "archive".into(),
        reason: "it exceeds 4 GiB".into(),
    };
    u32::try_from(value).map(u32::to_be_bytes).map_err(too_big)
}

/// Bytes an entry takes: a header of 60, its content, and padding to an even offset.
const fn entry_size(content: usize) -> usize {
    60 + content.next_multiple_of(2)
}

fn push_entry(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let header = format!(
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
        0,
        0,
        0,
        "644",
        content.len()
    );
    out.extend(header.as_bytes());
    out.extend(content);
    if !content.len().is_multiple_of(2) {
        out.push(b'\n');
    }
}
