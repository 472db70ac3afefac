//! Files on disk: layouts, hashes, what is proven.
