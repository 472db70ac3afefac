//! How many messages advance at once, and the proof that this CPU can do it.

use std::fmt;

#[cfg(target_arch = "x86_64")]
use crate::x86::{Avx2, Avx512};

/// How many messages advance at once: an instruction set that this CPU was seen to have.
///
/// A value can only be had from [`Width::widest`] and [`Width::available`], so holding one is the
/// proof that its instructions exist here.
#[derive(Clone, Copy, Debug)]
pub struct Width(pub(crate) Instructions);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Instructions {
    /// One message after the other.
    Single,
    /// Eight lanes of 32 bits.
    #[cfg(target_arch = "x86_64")]
    Eight(Avx2),
    /// Sixteen lanes of 32 bits, or eight when that is enough.
    #[cfg(target_arch = "x86_64")]
    Sixteen(Avx512),
}

impl Width {
    /// One message after the other, which every CPU can do.
    pub const SINGLE: Self = Self(Instructions::Single);

    /// Returns the width with the highest throughput on this CPU.
    #[must_use]
    pub fn widest() -> Self {
        Self::available().last().unwrap_or(Self::SINGLE)
    }

    /// Lists the widths of this CPU, narrowest first; tests and benchmarks try them all.
    pub fn available() -> impl Iterator<Item = Self> {
        let widths = [
            Some(Instructions::Single),
            #[cfg(target_arch = "x86_64")]
            Avx2::detect().map(Instructions::Eight),
            #[cfg(target_arch = "x86_64")]
            Avx512::detect().map(Instructions::Sixteen),
        ];
        widths.into_iter().flatten().map(Self)
    }

    /// Returns the number of messages that advance at once.
    #[must_use]
    pub fn lanes(self) -> usize {
        match self.0 {
            Instructions::Single => 1,
            #[cfg(target_arch = "x86_64")]
            Instructions::Eight(_) => 8,
            #[cfg(target_arch = "x86_64")]
            Instructions::Sixteen(_) => 16,
        }
    }
}

/// Names the width as a table of results would: `single`, `avx2 x 8`, `avx512 x 16`.
impl fmt::Display for Width {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self.0 {
            Instructions::Single => "single",
            #[cfg(target_arch = "x86_64")]
            Instructions::Eight(_) => "avx2 x 8",
            #[cfg(target_arch = "x86_64")]
            Instructions::Sixteen(_) => "avx512 x 16",
        })
    }
}
