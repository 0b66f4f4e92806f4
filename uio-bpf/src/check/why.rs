//! Why a program is refused.

use serde::{Deserialize, Serialize};

/// A program that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The instruction, by its number in the program; its length where the program as a whole is refused.
    pub at: u32,
    /// The rule that it breaks.
    pub why: Why,
}

/// The rules of [`super::check`], by what breaks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// The program has no instructions.
    Empty,
    /// The program has more instructions than [`crate::isa::MAX_INSNS`].
    Length,
    /// No instruction has this opcode.
    Opcode,
    /// Loads of packets (`ABS`, `IND`) are legacy and not offered; read through the context instead.
    PacketLoad,
    /// There are registers 0 to 10 only.
    Register,
    /// Register 10, the frame pointer, cannot be written.
    FramePointer,
    /// The destination register is not used by this instruction and must be zero.
    ReservedDestination,
    /// The source register is not used by this instruction and must be zero.
    ReservedSource,
    /// The offset is not used by this instruction and must be zero, or has a value without a meaning.
    ReservedOffset,
    /// The immediate is not used by this instruction and must be zero.
    ReservedImmediate,
    /// A byte swap is of 16, 32 or 64 bits.
    SwapWidth,
    /// No atomic operation has this number.
    AtomicOperation,
    /// An atomic operation is of 4 or 8 bytes.
    AtomicSize,
    /// A wide instruction (`LDDW`) lacks its second half.
    WideHalf,
    /// The second half of a wide instruction has more than an immediate.
    WideReserved,
    /// No source of wide instructions (`LDDW`) has this number.
    WideSource,
    /// The object has no map of this number.
    NoMap,
    /// The address of a value is offered for maps whose first value always exists.
    NoMapValue,
    /// The address is behind the end of the map's first value.
    MapValueOffset,
    /// The object names no variable of this number.
    NoVariable,
    /// The jump leads out of the function.
    JumpOutside,
    /// The jump leads into the middle of a wide instruction.
    JumpIntoWide,
    /// The call leads out of the program.
    CallOutside,
    /// The call leads into the middle of a wide instruction.
    CallIntoWide,
    /// Calls of kernel functions by their BTF identifier are not offered; call a helper by its number.
    CallBtf,
    /// Calls have source 0 (a helper) or 1 (a function of the program).
    CallSource,
    /// There is no helper of this number.
    NoHelper,
    /// Programs of this type may not call this helper: it needs what their context does not have.
    HelperKind,
    /// The function can run off its end: its last instruction is neither `exit` nor a jump without a condition.
    NoEnd,
    /// The call is part of a recursion, or leads to one.
    Recursion,
    /// Functions call each other deeper than [`crate::isa::MAX_FRAMES`].
    Frames,
    /// The access is further below the frame pointer than a function has stack ([`crate::isa::FRAME_LEN`]).
    Stack,
    /// The access is above the frame pointer: a function's stack ends there.
    StackEnd,
    /// There is no memory to hold the program.
    Memory,
}
