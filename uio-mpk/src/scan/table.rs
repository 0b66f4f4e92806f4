//! Tables of the instruction set, as small as the decoder can do with (Intel SDM volume 2, 2.1 and
//! appendix A; AMD APM volume 3, appendix A).

/// Bits of an entry of [`ONE`] that hold the bytes of opcode and immediate.
pub const BYTES: u8 = 0x07;
/// A ModRM byte follows the opcode.
pub const MODRM: u8 = 0x20;
/// Of the immediate's four bytes there are two with an operand size of 16 bits.
pub const SIZED: u8 = 0x40;
/// The entry is one of [`kind`] instead. [`MODRM`] is set with it.
pub const OTHER: u8 = 0x80;

/// What is behind an opcode that is not as simple as the rest.
pub mod kind {
    use super::{MODRM, OTHER};

    const fn new(number: u8) -> u8 {
        OTHER | MODRM | number
    }

    /// No instruction of 64-bit mode.
    pub const INVALID: u8 = new(0);
    /// 66.
    pub const OPERAND: u8 = new(1);
    /// 67.
    pub const ADDRESS: u8 = new(2);
    /// F2.
    pub const REPNE: u8 = new(3);
    /// Any other prefix.
    pub const PREFIX: u8 = new(4);
    /// 40 to 4F.
    pub const REX: u8 = new(5);
    /// 0F.
    pub const ESCAPE: u8 = new(6);
    /// C5.
    pub const VEX2: u8 = new(7);
    /// C4.
    pub const VEX3: u8 = new(8);
    /// 62.
    pub const EVEX: u8 = new(9);
    /// 8F: POP, or an XOP prefix.
    pub const XOP: u8 = new(10);
    /// F6.
    pub const GROUP3: u8 = new(11);
    /// F7.
    pub const GROUP3_SIZED: u8 = new(12);
    /// B8 to BF: an immediate as large as the operand.
    pub const MOV: u8 = new(13);
    /// A0 to A3: an immediate as large as an address.
    pub const OFFSET: u8 = new(14);
    /// FF.
    pub const GROUP5: u8 = new(15);
    /// 8E.
    pub const SEGMENT: u8 = new(16);
    /// CD.
    pub const INT: u8 = new(17);
    /// FA, FB, 9D.
    pub const FLAGS: u8 = new(18);
    /// F4.
    pub const HALT: u8 = new(19);
    /// CF.
    pub const IRET: u8 = new(20);
    /// CB.
    pub const FAR: u8 = new(21);
    /// CA.
    pub const FAR_POP: u8 = new(22);
    /// 6C to 6F, EC to EF.
    pub const PORT: u8 = new(23);
    /// E4 to E7.
    pub const PORT_IMMEDIATE: u8 = new(24);
}

/// The opcodes of one byte.
pub static ONE: [u8; 256] = one();

const fn one() -> [u8; 256] {
    let mut table = [0; 256];
    let mut op = 0;
    while op < 256 {
        table[op] = one_of(op as u8);
        op += 1;
    }
    table
}

const fn one_of(op: u8) -> u8 {
    match op {
        0x0f => kind::ESCAPE,
        0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 | 0xf3 => kind::PREFIX,
        0x00..=0x3f => match op & 7 {
            0..=3 => 1 | MODRM,
            4 => 2,
            5 => 5 | SIZED,
            _ => kind::INVALID,
        },
        0x40..=0x4f => kind::REX,
        0x66 => kind::OPERAND,
        0x67 => kind::ADDRESS,
        0xf2 => kind::REPNE,
        0x62 => kind::EVEX,
        0xc4 => kind::VEX3,
        0xc5 => kind::VEX2,
        0x8f => kind::XOP,
        0x60 | 0x61 | 0x82 | 0x9a | 0xce | 0xd4..=0xd6 | 0xea => kind::INVALID,
        0x68 | 0xa9 => 5 | SIZED,
        0x69 | 0x81 | 0xc7 => 5 | SIZED | MODRM,
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => 2 | MODRM,
        0x6c..=0x6f | 0xec..=0xef => kind::PORT,
        0xe4..=0xe7 => kind::PORT_IMMEDIATE,
        0x8e => kind::SEGMENT,
        0x63 | 0x84..=0x8d | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe => 1 | MODRM,
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xe0..=0xe3 | 0xeb => 2,
        0x9d | 0xfa | 0xfb => kind::FLAGS,
        0xa0..=0xa3 => kind::OFFSET,
        0xb8..=0xbf => kind::MOV,
        0xc2 => 3,
        0xc8 => 4,
        0xca => kind::FAR_POP,
        0xcb => kind::FAR,
        0xcd => kind::INT,
        0xcf => kind::IRET,
        0xe8 | 0xe9 => 5,
        0xf4 => kind::HALT,
        0xf6 => kind::GROUP3,
        0xf7 => kind::GROUP3_SIZED,
        0xff => kind::GROUP5,
        _ => 1,
    }
}

/// The second byte of an opcode that is looked for at every byte. In [`TWO`] only.
pub const SUSPECT: u8 = 0x40;

/// The opcodes of two bytes, `0F xx`, as if they began at the second. Those with [`OTHER`] have
/// nothing else to say than [`SUSPECT`].
pub static TWO: [u8; 256] = two();

const fn two() -> [u8; 256] {
    let mut table = [0; 256];
    let mut op = 0;
    while op < 256 {
        table[op] = two_of(op as u8);
        op += 1;
    }
    table
}

const fn two_of(op: u8) -> u8 {
    let entry = match op {
        0x80..=0x8f => 5,
        0x0f | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => 2 | MODRM,
        0x01
        | 0x05
        | 0x06
        | 0x08
        | 0x09
        | 0x20..=0x23
        | 0x34
        | 0x35
        | 0x37
        | 0x38
        | 0x3a
        | 0x78
        | 0xa1
        | 0xa9
        | 0xaa
        | 0xb2
        | 0xb4
        | 0xb5 => OTHER | MODRM,
        0x04..=0x0c | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => 1,
        _ => 1 | MODRM,
    };
    match op {
        0x00 | 0x01 | 0x07 | 0x22 | 0x23 | 0x30 | 0x38 | 0xae | 0xc7 => entry | SUSPECT,
        _ => entry,
    }
}

/// With a base of 5 in the SIB byte there are four bytes more.
pub const SIB: u8 = 0x80;

/// For every ModRM byte the bytes of itself, the SIB byte and the displacement (SDM volume 2,
/// tables 2-2 and 2-3).
pub static FORM: [u8; 256] = form();

const fn form() -> [u8; 256] {
    let mut table = [0; 256];
    let mut modrm = 0;
    while modrm < 256 {
        table[modrm] = match (modrm >> 6, modrm & 7) {
            (0, 4) => 2 | SIB,
            (0, 5) => 5,
            (1, 4) => 3,
            (1, _) => 2,
            (2, 4) => 6,
            (2, _) => 5,
            _ => 1,
        };
        modrm += 1;
    }
    table
}
