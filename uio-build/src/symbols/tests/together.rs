//! Names that are looked up together: what is read for them, and what is found.

use std::sync::{Arc, Mutex};

use uio_console::record::Stat;
use uio_core::files::{self, File};
use uio_core::program::Wanted;
use uio_core::program::symbols::format::{self, BLOCK, header};
use uio_core::program::symbols::{BuildId, Index};

use super::{BUILD_ID, Image, image, lookup_all, pack};

/// What was read of a file: for each read the first block, and how many.
type Reads = Arc<Mutex<Vec<(usize, usize)>>>;

/// A file in memory that notes which blocks are read.
struct Noted(Arc<[u8]>, Reads);

impl File for Noted {
    fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, files::Error> {
        let from = offset as usize;
        assert!(from.is_multiple_of(BLOCK) && out.len().is_multiple_of(BLOCK));
        out.copy_from_slice(&self.0[from..from + out.len()]);
        let mut reads = self.1.lock().unwrap();
        reads.push((from / BLOCK, out.len() / BLOCK));
        Ok(out.len())
    }

    fn write_at(&mut self, _offset: u64, _data: &[u8]) -> Result<usize, files::Error> {
        Err(files::Error::Os(9))
    }

    fn stat(&mut self) -> Result<Stat, files::Error> {
        Err(files::Error::Os(9))
    }

    fn sync(&mut self) -> Result<(), files::Error> {
        Err(files::Error::Os(9))
    }
}

/// An index whose reads are noted from here on.
fn open_noted(image: &Image) -> (Box<Index>, Reads) {
    let reads = Reads::default();
    let file = Noted(pack(image).0.into(), Arc::clone(&reads));
    let index = Index::open(Box::new(file), &BUILD_ID, &mut BuildId::new()).unwrap();
    assert_eq!(*reads.lock().unwrap(), [(0, 1)]);
    reads.lock().unwrap().clear();
    (index, reads)
}

/// The most blocks that are held while names are looked up.
const AT_ONCE: usize = 16;

#[test]
fn names_that_are_wanted_together_share_reads() {
    let image = image(6_000);
    let blocks = format::u32_at(&pack(&image).0, header::NAMES + 4) as usize;
    for (count, most) in [
        (1, 1),
        (10, 6),
        (100, blocks.div_ceil(AT_ONCE)),
        (6_000, blocks.div_ceil(AT_ONCE)),
    ] {
        let (mut index, reads) = open_noted(&image);
        let wanted = image.symbols.iter().step_by(6_000 / count);
        let names: Vec<&[u8]> = wanted.clone().map(|symbol| &*symbol.name).collect();
        let addresses: Vec<Option<u32>> = wanted.map(|symbol| Some(symbol.address)).collect();
        assert_eq!(lookup_all(&mut index, &names), Ok(addresses), "{count}");
        let noted = reads.lock().unwrap().clone();
        assert!(noted.len() <= most, "{count} of {blocks}: {noted:?}");
        // In order, none twice, few at once, and nothing past the names.
        let ends = noted.iter().map(|&(first, count)| first + count);
        let starts = noted.iter().map(|&(first, _)| first).chain([blocks + 1]);
        assert!(
            ends.zip(starts.skip(1)).all(|(end, next)| end <= next),
            "{noted:?}"
        );
        assert!(noted[0].0 >= 1 && noted.iter().all(|&(_, count)| count <= AT_ONCE));
        if count == 1 {
            assert_eq!(noted[0].1, 1, "no more than the one block");
            lookup_all(&mut index, &names).unwrap();
            assert_eq!(reads.lock().unwrap().len(), 1, "which is still there");
        }
    }
}

#[test]
fn known_and_unknown_names_do_not_disturb_each_other() {
    let image = image(3_000);
    let (mut index, reads) = open_noted(&image);
    let mut names: Vec<&[u8]> = vec![b"none", b"", b"symbol_7", b"symbol_7", b"\0", b"symbol_7x"];
    let last = &*image.symbols[2_999].name;
    names.push(last);
    let found = lookup_all(&mut index, &names).unwrap();
    let seven = Some(0x1000 + 7 * 32);
    let expected = [
        None,
        None,
        seven,
        seven,
        None,
        None,
        Some(0x1000 + 2_999 * 32),
    ];
    assert_eq!(found, expected);
    reads.lock().unwrap().clear();
    let mut known = [Wanted::new(b"symbol_7", 0), Wanted::new(b"nobody's", 1)];
    known.iter_mut().for_each(|wanted| wanted.address = Some(5));
    index.look_up(&mut known, 0, &mut || true).unwrap();
    assert!(known.iter().all(|wanted| wanted.address == Some(5)));
    assert!(reads.lock().unwrap().is_empty(), "nothing was to be found");
    assert_eq!(lookup_all(&mut index, &[]), Ok(Vec::new()));
}

#[test]
fn a_search_ends_when_it_is_told_to_and_can_go_on() {
    let image = image(6_000);
    let (mut index, reads) = open_noted(&image);
    let names = image.symbols.iter().step_by(60);
    let mut wanted: Vec<Wanted<'_>> = names.map(|symbol| Wanted::new(&symbol.name, 0)).collect();
    let mut left = 2;
    let mut go_on = || {
        left -= 1;
        left >= 0
    };
    index.look_up(&mut wanted, 0, &mut go_on).unwrap();
    assert_eq!(reads.lock().unwrap().len(), 2);
    let found = |wanted: &[Wanted<'_>]| wanted.iter().filter(|name| name.address.is_some()).count();
    assert!((1..100).contains(&found(&wanted)));
    index.look_up(&mut wanted, 0, &mut || true).unwrap();
    assert_eq!(found(&wanted), 100);
    let noted = reads.lock().unwrap().clone();
    assert!(
        noted[2].0 >= noted[1].0 + noted[1].1,
        "what was found is not read again: {noted:?}"
    );
}

#[test]
fn hashes_depend_on_every_byte_and_the_length() {
    let mut names: Vec<Vec<u8>> = (0..40).map(|len| vec![0; len]).collect();
    for len in 1..40 {
        for at in 0..len {
            for byte in [1, 2, 0x80, 0xff] {
                let mut name = vec![0; len];
                name[at] = byte;
                names.push(name);
            }
        }
    }
    let count = names.len();
    for shift in [0, 44] {
        let mut hashes: Vec<u64> = names
            .iter()
            .map(|name| format::hash(7, name) << shift >> 44)
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        // Of 2^20 values: some five are the same by chance.
        assert!(hashes.len() > count - 20, "{} of {count}", hashes.len());
    }
    assert!(
        names
            .iter()
            .all(|name| format::hash(7, name) != format::hash(8, name))
    );
}
