//! Compressed copies beside the files that gain from them, so that no request waits for it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Mode;

/// Text and WebAssembly; pictures and fonts are compressed already.
const COMPRESSIBLE: [&str; 9] = [
    "css",
    "html",
    "ico",
    "js",
    "json",
    "svg",
    "txt",
    "wasm",
    "webmanifest",
];

/// Brotli's window, as large as browsers accept.
const WINDOW_BITS: u32 = 22;

/// Writes `FILE.br` and `FILE.gz` where they are smaller than the file.
pub fn beside(file: &Path, mode: Mode) -> Result<()> {
    let kind = file.extension().and_then(OsStr::to_str).unwrap_or_default();
    if !COMPRESSIBLE.contains(&kind) {
        return Ok(());
    }
    let (brotli_quality, gzip_level) = match mode {
        Mode::Release => (11, Compression::best()),
        Mode::Development => (1, Compression::fast()),
    };
    let content = fs::read(file)?;
    let mut gzip = GzEncoder::new(Vec::new(), gzip_level);
    gzip.write_all(&content)?;
    let forms = [
        (".br", brotli(&content, brotli_quality)?),
        (".gz", gzip.finish()?),
    ];
    for (suffix, compressed) in forms {
        if compressed.len() < content.len() {
            fs::write(with_suffix(file, suffix), compressed)?;
        }
    }
    Ok(())
}

fn brotli(content: &[u8], quality: u32) -> Result<Vec<u8>> {
    const BUFFER_BYTES: usize = 1 << 16;
    let mut compressed = Vec::new();
    let mut writer =
        brotli::CompressorWriter::new(&mut compressed, BUFFER_BYTES, quality, WINDOW_BITS);
    writer.write_all(content)?;
    writer.flush()?;
    drop(writer);
    Ok(compressed)
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_reads_back_the_same() {
        let content = b"prepaid balance ".repeat(1_000);
        let compressed = brotli(&content, 11).unwrap();
        let mut back = Vec::new();
        brotli::BrotliDecompress(&mut compressed.as_slice(), &mut back).unwrap();
        assert_eq!(back, content);
        assert!(compressed.len() < 200, "{} bytes", compressed.len());
    }
}
