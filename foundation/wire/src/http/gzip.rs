//! Compressed bodies: gzip (RFC 1952) undone, with an end to how far they grow.
//!
//! A kilobyte of gzip can hold a megabyte of zeros, so the caller names the greatest size it wants
//! and the output never takes more memory than that, or twice what was really in it.

use crate::http::headers::Headers;
use crate::malformed::{Malformed, Problem};
use crate::reader::Reader;
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

const FIELD: &str = "gzip";

/// Undoes the `Content-Encoding` that `headers` name: none, or gzip.
///
/// # Errors
/// [`Problem::Invalid`] for another encoding, and those of [`gunzip`].
pub fn decode_content(headers: &Headers, body: Vec<u8>, max: usize) -> Result<Vec<u8>, Malformed> {
    match headers.find("Content-Encoding").map(str::trim) {
        None | Some("") => Ok(body),
        Some(name) if name.eq_ignore_ascii_case("identity") => Ok(body),
        Some(name) if name.eq_ignore_ascii_case("gzip") => gunzip(&body, max),
        Some(name) if name.eq_ignore_ascii_case("x-gzip") => gunzip(&body, max),
        Some(_) => Err(Malformed::invalid(
            "Content-Encoding",
            0,
            "gzip or identity",
        )),
    }
}

/// Undoes gzip: one member that takes up all of `compressed` and holds at most `max` bytes.
///
/// # Errors
/// [`Problem::TooLong`] beyond `max`; [`Malformed`] also when the checksum or the length is not
/// that of what was inflated.
pub fn gunzip(compressed: &[u8], max: usize) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(compressed);
    skip_header(&mut reader)?;
    let start = reader.position();
    let (inflated, used) = inflate(compressed.get(start..).unwrap_or_default(), start, max)?;
    reader.take(used, FIELD)?;
    let trailer = reader.position();
    let checksum = u32::from_le_bytes(reader.array("gzip checksum")?);
    let length = u32::from_le_bytes(reader.array("gzip length")?);
    if checksum != crc32(&inflated) {
        return Err(Malformed::invalid(
            "gzip checksum",
            trailer,
            "that of the contents",
        ));
    }
    // The format keeps the length modulo 2^32.
    if length != inflated.len() as u32 {
        return Err(Malformed::invalid(
            "gzip length",
            trailer + 4,
            "that of the contents",
        ));
    }
    reader.finish(FIELD)?;
    Ok(inflated)
}

/// Reads the ten bytes of the header and the optional fields they announce.
fn skip_header(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    const HEADER_CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const RESERVED: u8 = 0xe0;
    let start = reader.position();
    if reader.array("gzip magic")? != [0x1f, 0x8b, 8] {
        return Err(Malformed::invalid("gzip magic", start, "1f 8b 08"));
    }
    let flags = reader.u8("gzip flags")?;
    if flags & RESERVED != 0 {
        return Err(Malformed::invalid(
            "gzip flags",
            start + 3,
            "reserved bits of zero",
        ));
    }
    reader.take(6, "gzip time and system")?;
    if flags & EXTRA != 0 {
        let len = u16::from_le_bytes(reader.array("gzip extra field")?);
        reader.take(usize::from(len), "gzip extra field")?;
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            while reader.u8("gzip name and comment")? != 0 {}
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        reader.take(2, "gzip header checksum")?;
    }
    Ok(())
}

/// Inflates (RFC 1951) and tells how many bytes of `deflated`, which begins at `offset`, it used.
fn inflate(deflated: &[u8], offset: usize, max: usize) -> Result<(Vec<u8>, usize), Malformed> {
    let mut inflater = Box::<DecompressorOxide>::default();
    let mut out = alloc::vec![0; deflated.len().saturating_mul(2).min(max)];
    let (mut used, mut written) = (0, 0);
    loop {
        let rest = deflated.get(used..).unwrap_or_default();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, wrote) = decompress(&mut inflater, rest, &mut out, written, flags);
        used += read;
        written += wrote;
        if status == TINFLStatus::Done {
            out.truncate(written);
            return Ok((out, used));
        }
        if status != TINFLStatus::HasMoreOutput {
            let expected = "deflated data that is whole and valid";
            return Err(Malformed::invalid(FIELD, offset + used, expected));
        }
        if out.len() >= max {
            let problem = Problem::TooLong {
                len: max as u64 + 1,
                max: max as u64,
            };
            return Err(Malformed::new(FIELD, offset + used, problem));
        }
        let grown = out.len().saturating_mul(2).clamp(1, max);
        out.resize(grown, 0);
    }
}

/// The checksum of RFC 1952, section 8, bit by bit: bodies are short, and a table of a kilobyte
/// would be more to read.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    !bytes.iter().fold(!0, |remainder, byte| {
        (0..8).fold(remainder ^ u32::from(*byte), |remainder, _| {
            (remainder >> 1) ^ (POLYNOMIAL & (remainder & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    /// Compresses `bytes` as gzip with the given flags and optional header fields.
    fn gzip(bytes: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
        [
            &[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3][..],
            fields,
            &compress_to_vec(bytes, 6),
            &crc32(bytes).to_le_bytes(),
            &(bytes.len() as u32).to_le_bytes(),
        ]
        .concat()
    }

    #[test]
    fn checksum_of_the_usual_vector() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn inflates_what_another_program_wrote() {
        // printf hello | gzip -n
        let compressed = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6,
            0x10, 0x36, 5, 0, 0, 0,
        ];
        assert_eq!(gunzip(&compressed, 5).as_deref(), Ok(&b"hello"[..]));
    }

    #[test]
    fn skips_optional_fields() {
        let fields = [2, 0, 9, 9, b'n', 0, b'c', 0, 1, 2];
        assert_eq!(
            gunzip(&gzip(b"x", 30, &fields), 9).as_deref(),
            Ok(&b"x"[..])
        );
        assert!(gunzip(&gzip(b"x", 0x20, &[]), 9).is_err());
    }

    #[test]
    fn grows_to_the_limit_and_not_beyond() {
        let zeros = alloc::vec![0; 1 << 20];
        let bomb = gzip(&zeros, 0, &[]);
        assert!(bomb.len() < 2000);
        assert_eq!(gunzip(&bomb, 1 << 20).as_deref(), Ok(&zeros[..]));
        let problem = gunzip(&bomb, (1 << 20) - 1).expect_err("too long").problem;
        assert_eq!(
            problem,
            Problem::TooLong {
                len: 1 << 20,
                max: (1 << 20) - 1
            }
        );
        assert_eq!(gunzip(&gzip(b"", 0, &[]), 0).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn any_byte_wrong_or_missing_is_noticed() {
        let good = gzip(b"a body of a tracker, a body of a tracker", 0, &[]);
        for len in 0..good.len() {
            assert!(gunzip(good.get(..len).unwrap_or_default(), 99).is_err());
        }
        for index in good.len() - 8..good.len() {
            let mut bad = good.clone();
            bad.get_mut(index).into_iter().for_each(|byte| *byte ^= 1);
            assert!(gunzip(&bad, 99).is_err());
        }
        let trailing = [&good[..], b"x"].concat();
        assert_eq!(
            gunzip(&trailing, 99).map_err(|error| error.problem),
            Err(Problem::Trailing { bytes: 1 })
        );
    }

    #[test]
    fn content_is_decoded_as_the_headers_say() {
        let decode = |encoding: &str, body: &[u8]| {
            let mut headers = Headers::new();
            headers.push("Content-Encoding", encoding);
            decode_content(&headers, body.to_vec(), 99)
        };
        assert_eq!(
            decode("GZIP", &gzip(b"x", 0, &[])).as_deref(),
            Ok(&b"x"[..])
        );
        assert_eq!(decode("identity", b"x").as_deref(), Ok(&b"x"[..]));
        assert!(decode("br", b"x").is_err());
        assert_eq!(
            decode_content(&Headers::new(), b"x".to_vec(), 0).as_deref(),
            Ok(&b"x"[..])
        );
    }
}
