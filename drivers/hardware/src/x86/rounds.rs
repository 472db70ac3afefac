//! The compression function of SHA-1 (FIPS 180-4, section 6.1.2), for any kind of vector.
//!
//! Macros and not a trait, because a function that needs a CPU feature cannot implement a safe
//! method of a trait.

/// Defines `compress` for the vectors of the module that uses it.
///
/// The module supplies `LANES`, `message`, `load`, `store`, `splat`, `add`, `xor`, `rotate_left`,
/// and the functions `choose`, `parity` and `majority` of section 4.1.1.
macro_rules! define_compress {
    ($features:literal) => {
        /// Compresses the blocks of all lanes, which are equally many, into their states.
        #[target_feature(enable = $features)]
        pub(super) fn compress(states: &mut LaneStates<LANES>, blocks: &LaneBlocks<'_, LANES>) {
            let [a, b, c, d, e] = &*states;
            let mut sum = [load(a), load(b), load(c), load(d), load(e)];
            for block in 0..blocks[0].len() {
                let mut w = message(blocks, block);
                let mut s = sum;
                rounds!(s w choose 0x5a82_7999: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
                rounds!(s w choose 0x5a82_7999: 16 17 18 19);
                rounds!(s w parity 0x6ed9_eba1: 20 21 22 23 24 25 26 27 28 29);
                rounds!(s w parity 0x6ed9_eba1: 30 31 32 33 34 35 36 37 38 39);
                rounds!(s w majority 0x8f1b_bcdc: 40 41 42 43 44 45 46 47 48 49);
                rounds!(s w majority 0x8f1b_bcdc: 50 51 52 53 54 55 56 57 58 59);
                rounds!(s w parity 0xca62_c1d6: 60 61 62 63 64 65 66 67 68 69);
                rounds!(s w parity 0xca62_c1d6: 70 71 72 73 74 75 76 77 78 79);
                for (sum, word) in sum.iter_mut().zip(s) {
                    *sum = add(*sum, word);
                }
            }
            for (state, sum) in states.iter_mut().zip(sum) {
                store(state, sum);
            }
        }
    };
}

/// The rounds `t` with one function and one constant; `w` is the window of the last 16 words of
/// the message schedule. Written out, so that window and state stay in registers.
macro_rules! rounds {
    ($s:ident $w:ident $function:ident $constant:literal: $($t:literal)*) => {
        let k = splat($constant);
        $(
            if $t >= 16 {
                let others = parity($w[($t + 13) % 16], $w[($t + 8) % 16], $w[($t + 2) % 16]);
                $w[$t % 16] = rotate_left::<1, 31>(xor(others, $w[$t % 16]));
            }
            let [a, b, c, d, e] = $s;
            let ready = add(add(e, k), add($w[$t % 16], $function(b, c, d)));
            $s = [add(rotate_left::<5, 27>(a), ready), a, rotate_left::<30, 2>(b), c, d];
        )*
    };
}
