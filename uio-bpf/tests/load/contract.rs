//! What loading owes to bundles that may be anything: no panic, nothing allocated beyond what the limit and the
//! bytes themselves justify, and nothing left behind when it is refused or unloaded.

use uio_bpf::bundle::Bundle;
use uio_bpf::helper::{self, Table};
use uio_bpf::load::{LoadError, Loading, Runtime};

/// Memory for programs and maps.
const MEMORY: u64 = 1 << 20;

/// Loads and unloads; panics where something is owed.
pub fn check(bytes: &[u8]) {
    let helpers = Table {
        own: helper::OWN,
        application: &[],
    };
    let mut runtime = Runtime::new(MEMORY);
    let mut prepared = 0;
    let mut discarded = 0;
    let loaded = runtime.load(
        bytes,
        &mut Loading {
            helpers: &helpers,
            cores: 2,
            core: 0,
            address: &|name| (name.len() < 8).then_some(0x1000),
            prepare: &mut |_| {
                prepared += 1;
                true
            },
            discard: &mut |_| discarded += 1,
        },
    );
    // The reader and postcard agree on what a bundle is.
    let bundle = postcard::take_from_bytes::<Bundle>(bytes);
    match loaded {
        Ok(id) => {
            let (bundle, rest) = bundle.expect("what is loaded is a bundle");
            assert!(rest.is_empty());
            assert_eq!(runtime.programs().len(), bundle.programs.len());
            assert_eq!(runtime.maps().len(), bundle.maps.len());
            assert!(runtime.used() <= MEMORY && runtime.used() > 0);
            assert_eq!((prepared, discarded), (bundle.programs.len(), 0));
            let freed = runtime
                .unload(id, 0, &mut |_| discarded += 1)
                .expect("nothing uses it");
            assert!(freed > 0);
            assert_eq!(discarded, prepared);
        }
        Err(refused) => {
            assert_eq!(prepared, discarded, "what was prepared is discarded");
            if refused.error == LoadError::Malformed(0) {
                assert!(bundle.is_err());
            }
        }
    }
    assert_eq!(runtime.used(), 0);
    assert!(runtime.programs().is_empty() && runtime.maps().is_empty());
}
