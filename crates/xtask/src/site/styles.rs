//! One small style sheet from the tree under `style/`.

use std::path::Path;

use anyhow::{Result, anyhow};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions};
use lightningcss::targets::{Browsers, Targets};

/// Browsers of May 2024, the first that all have nesting, layers and `light-dark()`: those
/// stay as they are written, and nothing older is worked around.
const BROWSERS: Browsers = Browsers {
    android: None,
    chrome: Some(version(123, 0)),
    edge: Some(version(123, 0)),
    firefox: Some(version(120, 0)),
    ie: None,
    ios_saf: Some(version(17, 5)),
    opera: None,
    safari: Some(version(17, 5)),
    samsung: None,
};

/// Follows the `@import`s of a style sheet and returns all of it, minified.
pub fn bundle(main: &Path) -> Result<String> {
    let files = FileProvider::new();
    let targets = Targets::from(BROWSERS);
    let mut bundler = Bundler::new(&files, None, ParserOptions::default());
    let mut sheet = bundler.bundle(main).map_err(|error| anyhow!("{error}"))?;
    sheet
        .minify(MinifyOptions {
            targets,
            ..MinifyOptions::default()
        })
        .map_err(|error| anyhow!("{error}"))?;
    let options = PrinterOptions {
        minify: true,
        targets,
        ..PrinterOptions::default()
    };
    Ok(sheet
        .to_css(options)
        .map_err(|error| anyhow!("{error}"))?
        .code)
}

const fn version(major: u32, minor: u32) -> u32 {
    (major << 16) | (minor << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_followed_and_nesting_stays() {
        let directory = std::env::temp_dir().join(format!("xtask-css-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("a.css"), ".a { & .b { color: red } }").unwrap();
        std::fs::write(directory.join("main.css"), "@import './a.css' layer(base);").unwrap();
        let css = bundle(&directory.join("main.css")).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(css, "@layer base{.a{& .b{color:red}}}");
    }

    #[test]
    fn a_missing_import_is_an_error_that_names_it() {
        let directory = std::env::temp_dir().join(format!("xtask-lost-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("main.css"), "@import './lost.css';").unwrap();
        let error = bundle(&directory.join("main.css")).unwrap_err().to_string();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(
            error.contains("lost.css") || error.contains("main.css"),
            "{error}"
        );
    }
}
