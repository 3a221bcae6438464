//! A directory that goes away with its test.

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Where the test site's hashed files are.
pub const PKG: &str = "pkg/0123abcd";
pub const SCRIPT: &str = "export default () => 'a script of the test site';\n";

pub struct TestDirectory(PathBuf);

impl TestDirectory {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("zerogpu-billing-test-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    /// With a small site in `site`: one script in three forms, WASM, styles, an icon.
    pub fn with_site() -> Self {
        let directory = Self::new();
        let pkg = format!("site/{PKG}");
        directory.write(
            "site/site.json",
            format!(r#"{{"pkg_dir":"{PKG}","output_name":"zerogpu-billing"}}"#),
        );
        directory.write(&format!("{pkg}/zerogpu-billing.js"), SCRIPT);
        directory.write(
            &format!("{pkg}/zerogpu-billing.js.br"),
            "brotli of the script",
        );
        directory.write(
            &format!("{pkg}/zerogpu-billing.js.gz"),
            "gzip of the script",
        );
        directory.write(&format!("{pkg}/zerogpu-billing_bg.wasm"), "\0asm");
        directory.write(&format!("{pkg}/zerogpu-billing.css"), "body { margin: 0 }");
        directory.write(
            "site/favicon.svg",
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
        );
        directory
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("it is inside")).expect("a directory");
        std::fs::write(path, content).expect("a file");
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        // Left behind, it is a few kilobytes in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
