//! Takes a name out of a directory (9P2000.L).

messages! {
    /// Takes a name out of a directory (9P2000.L).
    request Tunlinkat<'a> = 76 {
        /// The directory.
        dirfid: Fid,
        /// The name.
        name: Str<'a>,
        /// [`Tunlinkat::REMOVE_DIR`] for a directory.
        flags: u32,
    }
    /// The answer to [`Tunlinkat`].
    reply Runlinkat = 77 {
    }
}

impl Tunlinkat<'_> {
    /// `AT_REMOVEDIR`: the name must be an empty directory's.
    pub const REMOVE_DIR: u32 = 0x200;
}
