//! The product as a program, as a test starts it.

use tokio::process::Command;

pub const BINARY: &str = env!("CARGO_BIN_EXE_zerogpu-billing");
/// How the product's settings begin, and the tests' own, which it does not know.
const SETTINGS: &str = "BILLING_";

/// The binary with what the test tells it, and nothing else.
pub fn program() -> Command {
    without_settings(Command::new(BINARY))
}

/// Takes the settings away that whoever runs the tests has made: their books and their payment
/// keys are none of a test's business.
pub fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with(SETTINGS)) {
            command.env_remove(name);
        }
    }
    command
}
