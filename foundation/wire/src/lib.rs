//! Bytes to values and back: readers, stream buffers, bencode, HTTP heads.
