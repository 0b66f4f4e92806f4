//! Reads a directory (9P2000.L).

messages! {
    /// Reads a directory.
    request Treaddir = 40 {
        /// The open directory.
        fid: Fid,
        /// 0, or the offset of the last entry seen.
        offset: u64,
        /// Most bytes of entries.
        count: u32,
    }
    /// The answer to [`Treaddir`]: whole entries, none at the end.
    reply Rreaddir<'a> = 41 {
        /// See [`Entries`].
        data: Data<'a>,
    }
}

/// A directory's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The file.
    pub qid: Qid,
    /// Where the next entry is.
    pub offset: u64,
    /// Type, as `d_type` of `readdir(3)`: 4 directory, 8 file, 10 symbolic link.
    pub kind: u8,
    /// The file's name.
    pub name: &'a [u8],
}

impl<'a> Wire<'a> for Entry<'a> {
    fn put(&self, to: &mut Writer<'_>) {
        self.qid.put(to);
        self.offset.put(to);
        self.kind.put(to);
        Str(self.name).put(to);
    }
    fn get(from: &mut Reader<'a>) -> Self {
        Self {
            qid: Wire::get(from),
            offset: Wire::get(from),
            kind: Wire::get(from),
            name: Str::get(from).0,
        }
    }
}

/// The entries in [`Rreaddir::data`], `qid[13] offset[8] type[1] name[s]` each.
pub struct Entries<'a>(Option<Reader<'a>>);

impl<'a> Entries<'a> {
    /// Entries of a reply's data.
    #[must_use]
    pub fn new(data: Data<'a>) -> Self {
        Self(Some(Reader::new(data.0)))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Error>;

    /// An entry that is cut off is an error and the last item.
    fn next(&mut self) -> Option<Self::Item> {
        let from = self.0.as_mut()?;
        if !from.more() {
            return None;
        }
        let entry = Entry::get(from);
        match from.check() {
            Ok(()) => Some(Ok(entry)),
            Err(error) => {
                self.0 = None;
                Some(Err(error))
            }
        }
    }
}
