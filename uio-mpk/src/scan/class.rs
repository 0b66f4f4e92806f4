//! What instructions are refused for, and which of it an operator granted.

/// A class of instructions, which is refused or granted as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// WRPKRU: the rights of keys.
    Wrpkru,
    /// XRSTOR, XRSTORS: state of the processor from memory, rights of keys among it.
    Xrstor,
    /// WRMSR and its kin; RDMSRLIST, URDMSR among them, which have the same opcodes.
    Msr,
    /// MOV to CR, LMSW, CLTS, XSETBV.
    ControlRegister,
    /// MOV to DR.
    DebugRegister,
    /// LGDT, LIDT, LLDT, LTR.
    DescriptorTable,
    /// CLI, STI, POPF.
    InterruptFlag,
    /// CLAC, STAC.
    AccessFlag,
    /// IN, OUT, INS, OUTS.
    PortIo,
    /// HLT, MONITOR, MWAIT.
    Halt,
    /// WRFSBASE, WRGSBASE, SWAPGS, LKGS, and whatever loads a segment register.
    SegmentBase,
    /// IRET, SYSRET, SYSEXIT, ERETS, ERETU, RSM.
    Return,
    /// RETF, far CALL and JMP.
    FarBranch,
    /// SYSCALL, SYSENTER, INT other than INT 3.
    SystemCall,
    /// INVLPG, INVPCID, INVLPGA, INVLPGB, TLBSYNC.
    Tlb,
    /// INVD, WBINVD.
    Cache,
    /// Instructions of VMX, SVM and SMX.
    Virtualization,
    /// Instructions of SGX and PCONFIG.
    Enclave,
}

/// Names of the classes, in their order.
const NAMES: [&str; 18] = [
    "wrpkru",
    "xrstor",
    "msr",
    "control-register",
    "debug-register",
    "descriptor-table",
    "interrupt-flag",
    "access-flag",
    "port-io",
    "halt",
    "segment-base",
    "return",
    "far-branch",
    "system-call",
    "tlb",
    "cache",
    "virtualization",
    "enclave",
];

impl Class {
    /// All of them.
    pub const ALL: [Self; NAMES.len()] = [
        Self::Wrpkru,
        Self::Xrstor,
        Self::Msr,
        Self::ControlRegister,
        Self::DebugRegister,
        Self::DescriptorTable,
        Self::InterruptFlag,
        Self::AccessFlag,
        Self::PortIo,
        Self::Halt,
        Self::SegmentBase,
        Self::Return,
        Self::FarBranch,
        Self::SystemCall,
        Self::Tlb,
        Self::Cache,
        Self::Virtualization,
        Self::Enclave,
    ];

    /// Its name, by which it is granted.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u32);

impl Classes {
    /// No class.
    pub const NONE: Self = Self(0);
    /// Every class.
    pub const ALL: Self = Self((1 << NAMES.len()) - 1);

    /// The classes whose names are given, separated by commas; none if there is a word among them
    /// that is no name. Empty words do not count.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        let mut set = Self::NONE;
        let mut rest = words.as_bytes();
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == b',');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            if !word.is_empty() {
                let class = NAMES.iter().position(|name| name.as_bytes() == word)?;
                set.0 |= 1 << class;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        Some(set)
    }

    /// This set and one more class.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | 1 << class as u8)
    }

    /// All classes but these.
    #[must_use]
    pub const fn others(self) -> Self {
        Self(self.0 ^ Self::ALL.0)
    }

    /// Whether a class is in the set.
    #[must_use]
    pub const fn contains(self, class: Class) -> bool {
        self.0 >> class as u8 & 1 != 0
    }
}
