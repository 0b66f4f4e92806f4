//! The device tree that tells the kernel about memory, command line and ACPI.

use crate::Error;
use crate::fdt::Writer;
use crate::ram::RamMap;

/// Longest command line, without its NUL. QEMU's PVH option ROM reserves 4 KiB.
pub const MAX_COMMAND_LINE: usize = 4095;

/// Bytes that are enough for every tree: a command line, and a node for each of
/// [`crate::ram::MAX_RANGES`] ranges.
pub const MAX_TREE: usize = 0x3000;

/// The command line in `bytes`, which end with a NUL if they are not empty.
///
/// # Errors
/// [`Error::CommandLineNotUtf8`], since the kernel would panic on it.
pub fn command_line(bytes: &[u8]) -> Result<&str, Error> {
    let line = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    core::str::from_utf8(line).map_err(|error| Error::CommandLineNotUtf8 {
        at: u32::try_from(error.valid_up_to()).unwrap_or(u32::MAX),
    })
}

/// Writes the tree and returns its length in bytes.
///
/// - `/memory@…`: one node for each range, since the kernel reads one range a node.
/// - `/chosen`: `bootargs`, from which the kernel takes its command line.
/// - `/hermit,rsdp@…`: spares the kernel the search through the BIOS area.
///
/// # Errors
/// [`Error::TreeFull`] when `tree` is smaller than [`MAX_TREE`].
pub fn build(
    tree: &mut [u8],
    ram: &RamMap,
    command_line: &str,
    rsdp: Option<u64>,
) -> Result<usize, Error> {
    let two_cells = 2u32.to_be_bytes();
    let mut writer = Writer::new(tree);
    writer.begin_node("");
    writer.property("compatible", &[b"linux,dummy-virt\0"]);
    writer.property("#address-cells", &[&two_cells]);
    writer.property("#size-cells", &[&two_cells]);
    for range in ram.ranges() {
        let len = range.end - range.start;
        writer.begin_node_at("memory", range.start);
        writer.property("device_type", &[b"memory\0"]);
        writer.property("reg", &[&range.start.to_be_bytes(), &len.to_be_bytes()]);
        writer.end_node();
    }
    writer.begin_node("chosen");
    writer.property("bootargs", &[command_line.as_bytes(), b"\0"]);
    writer.end_node();
    if let Some(rsdp) = rsdp {
        writer.begin_node_at("hermit,rsdp", rsdp);
        writer.property("reg", &[&rsdp.to_be_bytes(), &1u64.to_be_bytes()]);
        writer.end_node();
    }
    writer.end_node();
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pvh::MEMMAP_ENTRY_LEN;

    fn ram(ranges: impl Iterator<Item = (u64, u64)>) -> RamMap {
        let mut memmap = Vec::new();
        for (start, len) in ranges {
            memmap.extend(start.to_le_bytes());
            memmap.extend(len.to_le_bytes());
            memmap.extend(1u64.to_le_bytes());
        }
        assert_eq!(memmap.len() % MEMMAP_ENTRY_LEN, 0);
        RamMap::parse(&memmap).unwrap()
    }

    #[test]
    fn the_kernels_parser_finds_what_the_kernel_looks_for() {
        let ram = ram([(0, 0x9_f000), (0x10_0000, 0xbfee_0000), (1 << 32, 13 << 30)].into_iter());
        let mut tree = [0; MAX_TREE];
        let len = build(
            &mut tree,
            &ram,
            "-freq 1000 env=A=\"b c\" -- x",
            Some(0xf_5ae0),
        )
        .unwrap();
        let fdt = fdt::Fdt::new(&tree[..len]).unwrap();

        // As kernel 0.11.0 does in arch/x86_64/mm/physicalmem.rs and env.rs.
        let regions: Vec<_> = fdt
            .find_all_nodes("/memory")
            .map(|node| node.reg().unwrap().next().unwrap())
            .map(|region| (region.starting_address as u64, region.size.unwrap() as u64))
            .collect();
        assert_eq!(
            regions,
            [
                (0, 0x9_f000),
                (0x10_0000, 0xbfee_0000),
                (0x1_0000_0000, 13 << 30)
            ]
        );
        assert_eq!(
            fdt.chosen().bootargs(),
            Some("-freq 1000 env=A=\"b c\" -- x")
        );
        assert_ne!(fdt.root().compatible().first(), "hermit,uefi");
        let rsdp = fdt
            .find_node("/hermit,rsdp")
            .unwrap()
            .reg()
            .unwrap()
            .next()
            .unwrap();
        assert_eq!(rsdp.starting_address as u64, 0xf_5ae0);
        assert!(fdt.find_node("/hermit,tsc").is_none());
    }

    #[test]
    fn without_a_root_pointer_there_is_no_node() {
        let ram = ram([(0, 0x1000)].into_iter());
        let mut tree = [0; MAX_TREE];
        let len = build(&mut tree, &ram, "", None).unwrap();
        let fdt = fdt::Fdt::new(&tree[..len]).unwrap();
        assert!(fdt.find_node("/hermit,rsdp").is_none());
        assert_eq!(fdt.chosen().bootargs(), Some(""));
    }

    #[test]
    fn the_largest_tree_fits() {
        let ram = ram((0..32).map(|i| (0xffff_0000_0000_0000 + i * 0x2000, 0x1000)));
        let line = "x".repeat(MAX_COMMAND_LINE);
        let mut tree = [0; MAX_TREE];
        build(&mut tree, &ram, &line, Some(u64::MAX)).unwrap();
    }

    #[test]
    fn a_command_line_ends_at_its_nul_and_is_utf8() {
        assert_eq!(command_line(b""), Ok(""));
        assert_eq!(command_line(b"a b\0"), Ok("a b"));
        assert_eq!(command_line(b"a\0b\0"), Ok("a"));
        assert_eq!(command_line("ü\0".as_bytes()), Ok("ü"));
        assert_eq!(
            command_line(b"ab\xff\0"),
            Err(Error::CommandLineNotUtf8 { at: 2 })
        );
    }
}
