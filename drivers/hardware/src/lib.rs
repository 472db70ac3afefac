//! What the machine offers beyond plain Rust: hashing in SIMD lanes.
