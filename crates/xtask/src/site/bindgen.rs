//! The JavaScript that loads the browser's WebAssembly.

use std::path::Path;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use super::{Mode, OUTPUT_NAME};

/// Writes the module and its glue into a directory.
pub fn generate(wasm: &Path, directory: &Path, mode: Mode) -> Result<()> {
    let strip = mode == Mode::Release;
    Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(false)
        .out_name(OUTPUT_NAME)
        .remove_name_section(strip)
        .remove_producers_section(strip)
        .generate(directory)
        .context("wasm-bindgen refused the browser's side")
}
