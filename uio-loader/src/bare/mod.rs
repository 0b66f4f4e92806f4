//! From the firmware's tables to the kernel's first instruction.

mod end;
mod fw_cfg;
mod memory;
mod port;
mod serial;
mod start;

use core::num::{NonZeroU16, NonZeroU64};
use core::panic::PanicInfo;

use hermit_entry::boot_info::{BootInfo, HardwareInfo, LoadInfo, PlatformInfo, TlsInfo};
use uio_loader::elf::Image;
use uio_loader::fw_cfg::{KEY_CMDLINE_DATA, KEY_CMDLINE_SIZE, KEY_INITRD_DATA, KEY_INITRD_SIZE};
use uio_loader::pvh::StartInfo;
use uio_loader::ram::RamMap;
use uio_loader::text::Text;
use uio_loader::tree::{self, MAX_COMMAND_LINE};
use uio_loader::{Error, load};

use self::fw_cfg::{FwCfg, Item};
use self::memory::Statics;
use self::serial::Serial;

/// The first Rust code, called once by `start.rs`.
fn main(start_info: u64) -> ! {
    match Statics::take().map(|statics| boot(start_info, statics)) {
        Some(Err(error)) => refuse(&error),
        // `boot` returns errors only, and `take` is called once.
        _ => end::end(),
    }
}

/// Starts the image, or says why not.
fn boot(start_info: u64, statics: Statics) -> Result<core::convert::Infallible, Error> {
    let fw_cfg = FwCfg::find()?;
    // Before all else: with a longer one, the option ROM has overwritten its
    // start info, and the message would be about that.
    let line_len = command_line_len(&fw_cfg)?;
    let start_info = StartInfo::parse(&memory::start_info(start_info))?;
    let ram = RamMap::parse(memory::memmap(&start_info))?;

    let len = fw_cfg.size(KEY_INITRD_SIZE)?;
    let mut source = Item::new(&fw_cfg, KEY_INITRD_DATA, len);
    let image = Image::check(&mut source)?;
    let place = ram.place(image.mem_len)?;
    let base = place.start;
    load::load(
        &mut source,
        &image,
        memory::image(&place, image.mem_len)?,
        base,
    )?;

    let mapped = statics.tables.map(
        memory::address_of(statics.tables),
        memory::loader_range(),
        place,
        start_info.rsdp,
    )?;
    let line = statics.command_line.get_mut(..line_len).unwrap_or_default();
    fw_cfg.read(KEY_CMDLINE_DATA, 0, line)?;
    let line = tree::command_line(line)?;
    tree::build(statics.tree, &ram, line, start_info.rsdp.filter(|_| mapped))?;

    let boot_info = BootInfo {
        hardware_info: HardwareInfo {
            phys_addr_range: 0..ram.end(),
            serial_port_base: NonZeroU16::new(serial::COM1),
            device_tree: NonZeroU64::new(memory::address_of(statics.tree)),
        },
        load_info: LoadInfo {
            kernel_image_addr_range: base..base + image.mem_len,
            tls_info: image.tls.map(|tls| TlsInfo {
                start: base + tls.address,
                filesz: tls.file_len,
                memsz: tls.mem_len,
                align: tls.align,
            }),
        },
        platform_info: PlatformInfo::Fdt,
    };
    let boot_info = statics.boot_info.write(boot_info.into());
    start::enter_kernel(statics.tables, base + image.entry, boot_info)
}

/// The bytes of the `-append` string with its NUL.
fn command_line_len(fw_cfg: &FwCfg) -> Result<usize, Error> {
    let len = fw_cfg.size(KEY_CMDLINE_SIZE)?;
    usize::try_from(len)
        .ok()
        .filter(|&len| len <= MAX_COMMAND_LINE + 1)
        .ok_or(Error::CommandLineTooLong {
            have: len.saturating_sub(1),
            max: MAX_COMMAND_LINE as u32,
        })
}

/// Names the cause on the serial port and ends the VM.
fn refuse(error: &Error) -> ! {
    let mut serial = Serial::new();
    serial.text("uio-loader: ");
    error.describe(&mut serial);
    serial.text("\n");
    end::end()
}

/// The library does not panic; this is the linker's and the user's last resort.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut serial = Serial::new();
    serial.text("uio-loader: internal error");
    if let Some(location) = info.location() {
        serial.text(" at ");
        serial.text(location.file());
        serial.text(":");
        serial.dec(location.line().into());
    }
    serial.text("\n");
    end::end()
}
