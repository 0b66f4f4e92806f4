//! What the disassembler `iced-x86` says of code, in the scanner's terms.

use iced_x86::{Decoder, DecoderOptions, EncodingKind, Instruction, Mnemonic};
use uio_mpk::scan::Class;

/// The instruction at the start of these bytes, if it is one that fits in them.
pub fn decode(bytes: &[u8]) -> Option<Instruction> {
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    let instruction = decoder.decode();
    (!instruction.is_invalid()).then_some(instruction)
}

/// How the scanner is to find an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// At every byte.
    Anywhere,
    /// Where instructions begin.
    InOrder,
}

/// The class of an instruction that is to be refused.
pub fn class(instruction: &Instruction) -> Option<(Class, Search)> {
    use Mnemonic as M;
    let anywhere = |class| Some((class, Search::Anywhere));
    let in_order = |class| Some((class, Search::InOrder));
    match instruction.mnemonic() {
        M::Wrpkru => anywhere(Class::Wrpkru),
        M::Xrstor | M::Xrstor64 | M::Xrstors | M::Xrstors64 => anywhere(Class::Xrstor),
        M::Wrmsr | M::Wrmsrns | M::Wrmsrlist | M::Rdmsrlist => anywhere(Class::Msr),
        M::Xsetbv => anywhere(Class::ControlRegister),
        M::Lmsw | M::Clts => in_order(Class::ControlRegister),
        M::Mov => mov(instruction),
        M::Lgdt | M::Lidt | M::Lldt | M::Ltr => anywhere(Class::DescriptorTable),
        M::Clac | M::Stac => anywhere(Class::AccessFlag),
        M::Monitor | M::Mwait | M::Monitorx | M::Mwaitx | M::Mcommit => in_order(Class::Halt),
        M::Wrfsbase | M::Wrgsbase | M::Swapgs | M::Lkgs => anywhere(Class::SegmentBase),
        M::Lfs | M::Lgs | M::Lss => in_order(Class::SegmentBase),
        M::Pop if instruction.op0_register().is_segment_register() => in_order(Class::SegmentBase),
        M::Sysret | M::Sysretq => anywhere(Class::Return),
        M::Sysexit | M::Sysexitq | M::Rsm => in_order(Class::Return),
        M::Syscall | M::Sysenter => in_order(Class::SystemCall),
        M::Invlpg | M::Invpcid | M::Invlpga | M::Invlpgb | M::Tlbsync => anywhere(Class::Tlb),
        M::Invd | M::Wbinvd | M::Wbnoinvd => in_order(Class::Cache),
        M::Vmcall
        | M::Vmlaunch
        | M::Vmresume
        | M::Vmxoff
        | M::Vmxon
        | M::Vmptrld
        | M::Vmptrst
        | M::Vmclear
        | M::Vmfunc
        | M::Invept
        | M::Invvpid
        | M::Vmrun
        | M::Vmmcall
        | M::Vmgexit
        | M::Vmload
        | M::Vmsave
        | M::Stgi
        | M::Clgi
        | M::Skinit => anywhere(Class::Virtualization),
        M::Getsec | M::Getsecq => in_order(Class::Virtualization),
        M::Encls | M::Enclu | M::Enclv | M::Pconfig => anywhere(Class::Enclave),
        M::Cli | M::Sti | M::Popf | M::Popfq => in_order(Class::InterruptFlag),
        M::In | M::Out | M::Insb | M::Insw | M::Insd | M::Outsb | M::Outsw | M::Outsd
            if !instruction.is_vex_or_wider() =>
        {
            in_order(Class::PortIo)
        }
        M::Hlt => in_order(Class::Halt),
        M::Iret | M::Iretd | M::Iretq => in_order(Class::Return),
        M::Retf => in_order(Class::FarBranch),
        M::Call if instruction.is_call_far_indirect() => in_order(Class::FarBranch),
        M::Jmp if instruction.is_jmp_far_indirect() => in_order(Class::FarBranch),
        M::Int if instruction.immediate8() != 3 => in_order(Class::SystemCall),
        _ => None,
    }
}

fn mov(instruction: &Instruction) -> Option<(Class, Search)> {
    let to = instruction.op0_register();
    if to.is_cr() {
        Some((Class::ControlRegister, Search::Anywhere))
    } else if to.is_dr() {
        Some((Class::DebugRegister, Search::Anywhere))
    } else if to.is_segment_register() {
        Some((Class::SegmentBase, Search::InOrder))
    } else {
        None
    }
}

/// Whether an instruction has an encoding of VEX or later.
trait Encoded {
    fn is_vex_or_wider(&self) -> bool;
}

impl Encoded for Instruction {
    fn is_vex_or_wider(&self) -> bool {
        self.code().encoding() != EncodingKind::Legacy
    }
}
