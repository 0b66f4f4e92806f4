//! QEMU's command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::accel::Accel;
use super::cmdline::qemu_escape;
use crate::entry::{Published, Share};
use crate::error::{Error, Result};

/// The program that is run, unless `UIO_QEMU` names another.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// QEMU's exit status when the guest ended with success: it wrote 1 to the debug-exit port, and
/// QEMU reports `value << 1 | 1`.
pub const EXIT_SUCCESS: i32 = 3;

/// QEMU's exit status when the guest ended with failure: it wrote 0 to the debug-exit port.
pub const EXIT_FAILURE: i32 = 1;

/// The tag that names the share to the guest.
pub const SHARE_TAG: &str = "uio";

/// The machine that QEMU emulates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// i440FX, 1996.
    #[default]
    Pc,
    /// Q35, 2009: PCI Express.
    Q35,
}

/// What QEMU is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The VM's name.
    pub name: String,
    /// The program to run.
    pub program: PathBuf,
    /// The boot loader.
    pub loader: PathBuf,
    /// The image.
    pub image: PathBuf,
    /// The guest's command line.
    pub cmdline: String,
    /// The accelerator.
    pub accel: Accel,
    /// The machine.
    pub machine: Machine,
    /// Memory, in MiB.
    pub memory_mib: u32,
    /// Processors.
    pub smp: u16,
    /// The directory to share.
    pub share: Option<Share>,
    /// The ports to publish.
    pub published: Vec<Published>,
    /// Whether virtio devices notify QEMU through an event descriptor. See [`Config::arguments`].
    pub ioeventfd: bool,
    /// More arguments, as they are.
    pub extra: Vec<String>,
}

impl Config {
    /// The arguments for QEMU, whose console is the open socket `console_fd`.
    ///
    /// Virtio devices get `disable-legacy=on` (Hermit knows only the device identifiers of VIRTIO
    /// 1.0 and later) and, unless asked otherwise, `ioeventfd=off`: a notification is then served
    /// on the vCPU's own thread, without waking another. Console and share carry small requests
    /// whose latency counts, and instruction counts repeat better that way. The network device
    /// keeps QEMU's default, as throughput counts there.
    ///
    /// # Errors
    /// [`Error::Usage`] for paths that are not UTF-8, which QEMU's option syntax cannot carry.
    pub fn arguments(&self, console_fd: i32) -> Result<Vec<OsString>> {
        let mut args = Args(Vec::new());
        let virtio = if self.ioeventfd {
            "disable-legacy=on"
        } else {
            "disable-legacy=on,ioeventfd=off"
        };
        args.pair("-name", &format!("guest={}", qemu_escape(&self.name)));
        args.pair(
            "-machine",
            match self.machine {
                Machine::Pc => "pc",
                Machine::Q35 => "q35",
            },
        );
        args.pair("-accel", self.accel.as_str());
        // Hermit reads no MSR_ARCH_CAPABILITIES, which QEMU 7.2 offers where the host has none.
        args.pair(
            "-cpu",
            match self.accel {
                Accel::Kvm => "host,-arch-capabilities",
                Accel::Tcg => "max",
            },
        );
        args.pair("-smp", &self.smp.to_string());
        args.pair("-m", &format!("{}M", self.memory_mib));
        args.flag("-nodefaults");
        args.flag("-no-user-config");
        args.flag("-no-reboot");
        args.pair("-display", "none");
        args.pair("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04");
        args.pair("-chardev", "stdio,id=serial,signal=off");
        args.pair("-serial", "chardev:serial");
        args.pair(
            "-device",
            &format!("virtio-serial-pci,max_ports=1,{virtio}"),
        );
        args.pair("-chardev", &format!("socket,id=uio,fd={console_fd}"));
        args.pair("-device", "virtconsole,chardev=uio,name=uio");
        if let Some(share) = &self.share {
            let read_only = if share.read_only { ",readonly=on" } else { "" };
            args.pair(
                "-fsdev",
                &format!(
                    "local,id=share,path={},security_model=none{read_only}",
                    qemu_escape(utf8(&share.path)?)
                ),
            );
            args.pair(
                "-device",
                &format!("virtio-9p-pci,fsdev=share,mount_tag={SHARE_TAG},{virtio}"),
            );
        }
        if !self.published.is_empty() {
            args.pair("-netdev", &self.netdev());
            args.pair("-device", "virtio-net-pci,netdev=net,disable-legacy=on");
        }
        args.pair("-kernel", utf8(&self.loader)?);
        args.pair("-initrd", &qemu_escape(utf8(&self.image)?));
        args.pair("-append", &self.cmdline);
        args.0.extend(self.extra.iter().map(OsString::from));
        Ok(args.0)
    }

    /// The user network is laid out so that both a guest that asks by DHCP and one that uses
    /// Hermit's default address (10.0.5.3, gateway 10.0.5.1) find themselves in it.
    fn netdev(&self) -> String {
        let mut netdev = String::from(
            "user,id=net,net=10.0.5.0/24,host=10.0.5.1,dns=10.0.5.2,dhcpstart=10.0.5.3",
        );
        for port in &self.published {
            netdev.push_str(&format!(
                ",hostfwd=tcp:127.0.0.1:{}-10.0.5.3:{}",
                port.host, port.guest
            ));
        }
        netdev
    }
}

struct Args(Vec<OsString>);

impl Args {
    fn flag(&mut self, flag: &str) {
        self.0.push(flag.into());
    }

    fn pair(&mut self, option: &str, value: &str) {
        self.0.push(option.into());
        self.0.push(value.into());
    }
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::Usage(format!(
            "{}: QEMU cannot take a path that is not UTF-8",
            path.display()
        ))
    })
}

#[cfg(test)]
#[path = "qemu_tests.rs"]
mod tests;
