//! What the command line says of programs: `uio.isolation=`, `uio.policy=` and `uio.grant=`.

use alloc::string::String;

use hermit_sync::OnceCell;
use uio_core::isolation::Policy;

use crate::env;

/// How programs are kept from writing what is not theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
	/// They may not run: nothing isolates them, and nobody asked for that.
	Unavailable,
	/// They are not.
	None,
	/// User pages and PKRU; programs run in ring 3.
	#[cfg(feature = "uio-mpk")]
	Pku,
	/// Supervisor pages and IA32_PKRS; programs run in ring 0.
	#[cfg(feature = "uio-mpk")]
	Pks,
}

impl Backend {
	pub(super) fn name(self) -> &'static str {
		match self {
			Self::Unavailable => "unavailable",
			Self::None => "none",
			#[cfg(feature = "uio-mpk")]
			Self::Pku => "pku",
			#[cfg(feature = "uio-mpk")]
			Self::Pks => "pks",
		}
	}

	/// Whether pages of programs are user pages.
	pub(super) fn user_pages(self) -> bool {
		#[cfg(feature = "uio-mpk")]
		if self == Self::Pku {
			return true;
		}
		false
	}

	/// Whether programs have keys.
	pub(super) fn keys(self) -> bool {
		!matches!(self, Self::Unavailable | Self::None)
	}
}

struct Config {
	backend: Backend,
	policy: Policy,
}

/// Read at the first question.
fn config() -> &'static Config {
	static CONFIG: OnceCell<Config> = OnceCell::new();
	CONFIG.get_or_init(|| Config {
		backend: choose(option("uio.isolation=").as_deref()),
		policy: match option("uio.policy=").as_deref() {
			Some("observe") => Policy::Observe,
			Some("full") => Policy::Full,
			None | Some("control") => Policy::Control,
			Some(other) => {
				error!("uio: there is no policy {other:?}; programs may only observe");
				Policy::Observe
			}
		},
	})
}

/// The isolation in force.
pub(super) fn backend() -> Backend {
	config().backend
}

/// What programs may do to the application at most.
pub(super) fn policy() -> Policy {
	config().policy
}

/// The value of an option of the overlay on the kernel's command line; the last one counts.
pub(super) fn option(name: &str) -> Option<String> {
	let line = env::kernel::args().or_else(env::fdt_args)?;
	// As the kernel takes it apart.
	let words = shell_words::split(line).ok()?;
	let ours = words.iter().take_while(|word| *word != "--");
	let value = ours.filter_map(|word| word.strip_prefix(name)).last()?;
	Some(value.into())
}

#[cfg(not(feature = "uio-mpk"))]
fn choose(wanted: Option<&str>) -> Backend {
	match wanted {
		Some("none") => Backend::None,
		_ => Backend::Unavailable,
	}
}

#[cfg(feature = "uio-mpk")]
fn choose(wanted: Option<&str>) -> Backend {
	let features = core::arch::x86_64::__cpuid_count(7, 0);
	// CPUID.(EAX=07H,ECX=0): FSGSBASE is EBX bit 0, PKU is ECX bit 3, PKS is ECX bit 31.
	let pku = features.ecx & 1 << 3 != 0 && features.ebx & 1 != 0;
	let pks = features.ecx & 1 << 31 != 0;
	match wanted {
		Some("none") => Backend::None,
		Some("pku") if pku => Backend::Pku,
		Some("pks") if pks => Backend::Pks,
		None | Some("auto") if pku => Backend::Pku,
		None | Some("auto") if pks => Backend::Pks,
		_ => Backend::Unavailable,
	}
}
